"""Truth inference for categorical answers: one module per method, one sparse core under all of them."""
