// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {CampaignEscrow} from "../../src/CampaignEscrow.sol";
import {ICampaignEscrowTypes} from "../../src/ICampaignEscrowTypes.sol";
import {ProvenanceLog} from "../../src/ProvenanceLog.sol";
import {LocalToken} from "../../src/local/LocalToken.sol";
import {Base} from "../utils/Base.sol";

/// @dev Whose every signature is right, so that what is proved does not rest on signatures.
contract Agreeable {
    function isValidSignature(
        bytes32,
        bytes calldata
    ) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}

/// @title `enforce` makes no payroll of two positions void that keeps what was stated, for all statements and amounts.
/// @dev For halmos; see `PayrollTheorems`. The first of two workers has a statement. Paths are one hash long and tables
/// have two positions, as they must: that other lengths are refused is tested in `escrow/Enforce` and `EnforceAbsent`.
/// @custom:halmos --loop 8
contract EnforceTheorems is Base {
    address internal operator = address(new Agreeable());
    address internal worker = named("worker");
    address internal colleague = named("colleague");
    ProvenanceLog internal log = new ProvenanceLog(address(this));
    CampaignEscrow internal escrow = new CampaignEscrow(log);
    LocalToken internal token = new LocalToken();
    ICampaignEscrowTypes.Terms internal terms;
    bytes32 internal id;

    function setUp() public {
        log.anchor(1, "root", new bytes32[](0));
        terms.requester = address(this);
        terms.operator = operator;
        terms.arbiter = named("arbiter");
        terms.token = address(token);
        terms.window = 1 days;
        terms.deadline = uint40(block.timestamp + 10 days);
        id = escrow.idOf(terms);
        token.mint(address(this), 2 ** 66);
        token.approve(address(escrow), 2 ** 66);
        escrow.deposit(terms, 2 ** 66);
    }

    function post(
        uint64 paid,
        uint64 other
    ) internal returns (bytes memory entries) {
        entries = abi.encodePacked(worker, uint64(0), paid, colleague, uint64(0), other);
        vm.prank(operator);
        escrow.post(terms, entries, 1);
    }

    function stated(
        uint256 amount,
        uint32 epoch
    ) internal view returns (ICampaignEscrowTypes.Statement memory) {
        return ICampaignEscrowTypes.Statement(id, worker, amount, epoch, "run");
    }

    /// @dev Whatever position and sibling anybody shows.
    function check_enforce_spares_a_payroll_that_keeps_its_word(
        uint64 paid,
        uint64 other,
        uint256 amount,
        uint32 epoch,
        uint256 index,
        uint256 shown,
        bytes32 sibling
    ) public {
        vm.assume(amount <= paid);
        post(paid, other);
        bytes32[] memory path = new bytes32[](1);
        path[0] = sibling;
        bytes memory call =
            abi.encodeCall(escrow.enforce, (terms, stated(amount, epoch), "", index, shown, path));
        (bool done,) = address(escrow).call(call);
        assert(!done);
    }

    /// @dev Whatever table of two positions anybody shows.
    function check_enforceAbsent_spares_a_payroll_that_keeps_its_word(
        uint64 paid,
        uint64 other,
        uint256 amount,
        uint32 epoch,
        address[2] memory accounts,
        uint64[4] memory amounts
    ) public {
        vm.assume(amount <= paid);
        post(paid, other);
        bytes memory entries =
            abi.encodePacked(accounts[0], amounts[0], amounts[1], accounts[1], amounts[2], amounts[3]);
        bytes memory call = abi.encodeCall(escrow.enforceAbsent, (terms, stated(amount, epoch), "", entries));
        (bool done,) = address(escrow).call(call);
        assert(!done);
    }

    /// @dev False: a payroll that pays less than was stated becomes void.
    function check_enforce_spares_every_payroll_MustFail(
        uint64 paid,
        uint256 amount,
        bytes32 sibling
    ) public {
        post(paid, 7);
        bytes32[] memory path = new bytes32[](1);
        path[0] = sibling;
        bytes memory call = abi.encodeCall(escrow.enforce, (terms, stated(amount, 1), "", 0, paid, path));
        (bool done,) = address(escrow).call(call);
        assert(!done);
    }
}
