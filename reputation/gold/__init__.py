"""What a few right answers and the items themselves add: choice of models, calibration, features."""
