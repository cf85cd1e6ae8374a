"""Where the contracts refuse and where they write: every such place needs a mutant in the list.

The places are read from the compiler's syntax tree, never from the text:

- a refusal: an `if` whose body reverts, each operand of an `||` in its condition for itself; a `revert` that
  stands elsewhere; a `require`; a call of a `view` or `pure` function as a statement, which can only refuse;
- a write: an assignment, `++`, `--` or `delete` on what lies in storage or on an immutable, `push`, `pop`,
  `sstore` and `tstore`;
- a call: any other statement that calls a function.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger_service.chain.compile import compiler_input
from scripts.contract_checks import mutants, project
from scripts.contract_checks.mutants import Mutant
from scripts.programs import Stop

Node = dict[str, Any]
LEFT_OUT = ("src/local/",)  # a token for local chains, without value
REVERTING = ("revert", "require", "assert")
WRITING_CALLS = ("push", "pop")
WRITING_INSTRUCTIONS = ("sstore", "tstore")
CONDITION, STATEMENT = "condition", "statement"


@dataclass(frozen=True)
class Site:
    """One place that needs a mutant.

    Attributes:
        file: the source, from `contracts/` on.
        contract, function: where it is; "constructor" for that.
        kind: "refusal", "write" or "call".
        what: the error's or the called function's name, or the text of what is written.
        start, end: the text that a mutant has to change something of, in characters; end is excluded.
        shape: what to do for a mutant: CONDITION is made false, STATEMENT is left out.
    """

    file: str
    contract: str
    function: str
    kind: str
    what: str
    start: int
    end: int
    shape: str


def uncovered(listed: Sequence[Mutant]) -> list[Site]:
    """The places that no mutant of the list changes."""
    changes = []
    for mutant in listed:
        text = (project.CONTRACTS / mutant.file).read_text("utf-8")
        changes += [(mutant.file, span) for span in mutants.changed(mutant, text)]
    return [
        site
        for site in sites()
        if not any(file == site.file and a <= site.end and site.start <= b for file, (a, b) in changes)
    ]


def sites() -> list[Site]:
    """Every place of `contracts/src`, in the order of the sources.

    Raises:
        Stop: the contracts do not compile.
    """
    trees = {
        file: tree for file, tree in syntax_trees(project.CONTRACTS.parent).items() if file.startswith("src/")
    }
    variables = {node["id"] for tree in trees.values() for node in below(tree) if node.get("stateVariable")}
    found: list[Site] = []
    for file, tree in trees.items():
        source = (project.CONTRACTS / file).read_bytes()
        if not file.startswith(LEFT_OUT):
            found += _Reader(file, source, tree, variables).sites()
    return found


def syntax_trees(root: Path) -> dict[str, Node]:
    """The compiler's syntax tree of every source; nothing is translated, so this takes about a second."""
    request = compiler_input(root)
    request["settings"]["outputSelection"] = {"*": {"": ["ast"]}}
    done = subprocess.run(
        [root / "hardhat_local" / "solc.cjs", "--standard-json"],
        input=json.dumps(request),
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Stop(f"the compiler does not run:\n{done.stderr}")
    answer = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise Stop("the contracts do not compile:\n" + "\n".join(errors))
    return {file: output["ast"] for file, output in answer["sources"].items()}


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below one, in the order of the text."""
    for value in node.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and "nodeType" in item:
                yield item


def below(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in children(node):
        yield from below(child)


class _Reader:
    """The places of one source."""

    def __init__(self, file: str, source: bytes, tree: Node, variables: set[int]) -> None:
        self.file, self.source, self.tree, self.variables = file, source, tree, variables
        self.contract = self.function = ""

    def sites(self) -> Iterator[Site]:
        for unit in self.tree["nodes"]:
            whole = unit["nodeType"] == "ContractDefinition"
            self.contract = unit["name"] if whole else ""
            for part in unit["nodes"] if whole else [unit]:
                if part["nodeType"] in ("FunctionDefinition", "ModifierDefinition") and part.get("body"):
                    self.function = part.get("name") or part["kind"]
                    yield from self.within(part["body"])

    def within(self, node: Node) -> Iterator[Site]:
        """The places at and below a statement."""
        kind = node["nodeType"]
        if kind == "IfStatement" and not node.get("falseBody") and (error := refusal(node["trueBody"])):
            for operand in operands(node["condition"]):
                yield self.site("refusal", error, operand, CONDITION)
            return
        if kind == "RevertStatement":
            yield self.site("refusal", error_name(node["errorCall"]), node, STATEMENT)
            return
        if kind == "YulFunctionCall" and node["functionName"]["name"] in ("revert", *WRITING_INSTRUCTIONS):
            refuses = node["functionName"]["name"] == "revert"
            yield self.site("refusal" if refuses else "write", self.text(node), node, STATEMENT)
        if kind == "ExpressionStatement" and (site := self.statement(node["expression"], node)):
            yield site
            return
        if self.writes(node):
            yield self.site("write", self.text(target(node)), node, STATEMENT)
        for child in children(node):
            yield from self.within(child)

    def statement(self, expression: Node, whole: Node) -> Site | None:
        """The place that a statement of one expression is, if it is one."""
        if self.writes(expression):
            return self.site("write", self.text(target(expression)), whole, STATEMENT)
        if expression["nodeType"] != "FunctionCall":
            return None
        called = expression["expression"]
        name = called.get("name") or called.get("memberName")
        if called["nodeType"] == "Identifier" and name in REVERTING:
            return self.site("refusal", name, whole, STATEMENT)
        kind = called["typeDescriptions"]["typeString"].partition("returns")[0].split(")")[-1].split()
        refuses = "view" in kind or "pure" in kind
        return self.site("refusal" if refuses else "call", str(name), whole, STATEMENT)

    def writes(self, node: Node) -> bool:
        """Whether an expression writes what outlives the call."""
        if node["nodeType"] == "Assignment":
            return any(self.stored(part) for part in parts(node["leftHandSide"]))
        if node["nodeType"] == "UnaryOperation" and node["operator"] in ("++", "--", "delete"):
            return self.stored(node["subExpression"])
        if node["nodeType"] == "FunctionCall" and node["expression"]["nodeType"] == "MemberAccess":
            called = node["expression"]
            return called["memberName"] in WRITING_CALLS and in_storage(called["expression"])
        return False

    def stored(self, node: Node) -> bool:
        """Whether an expression names a place in storage, or an immutable."""
        if node["nodeType"] == "MemberAccess":
            return in_storage(node["expression"])
        if node["nodeType"] == "IndexAccess":
            return in_storage(node["baseExpression"])
        return node.get("referencedDeclaration") in self.variables

    def site(self, kind: str, what: str, node: Node, shape: str) -> Site:
        start, end = self.span(node)
        what = " ".join(what.split())
        return Site(self.file, self.contract, self.function, kind, what, start, end, shape)

    def span(self, node: Node) -> tuple[int, int]:
        """Where a node stands, in characters (the compiler counts bytes); a statement with its semicolon."""
        first, length, _ = map(int, node["src"].split(":"))
        start = len(self.source[:first].decode())
        end = start + len(self.source[first : first + length].decode())
        return start, end + (self.source[first + length : first + length + 1] == b";")

    def text(self, node: Node) -> str:
        start, end = self.span(node)
        return self.source.decode()[start:end].rstrip(";")


def refusal(body: Node) -> str | None:
    """The error with which the body of an `if` ends the call, if that is all it does."""
    statements = body["statements"] if body["nodeType"] == "Block" else [body]
    if len(statements) == 1 and statements[0]["nodeType"] == "RevertStatement":
        return error_name(statements[0]["errorCall"])
    return None


def error_name(call: Node) -> str:
    """The name of the error in `revert Name(…)`."""
    named = call["expression"]
    return str(named.get("name") or named.get("memberName"))


def operands(condition: Node) -> list[Node]:
    """The alternatives of a condition: what stands between its outermost `||`."""
    if condition["nodeType"] == "BinaryOperation" and condition["operator"] == "||":
        return operands(condition["leftExpression"]) + operands(condition["rightExpression"])
    return [condition]


def parts(written: Node) -> list[Node]:
    """What an assignment writes: the components of a tuple, or the expression itself."""
    if written["nodeType"] == "TupleExpression":
        return [part for component in written["components"] if component for part in parts(component)]
    return [written]


def target(node: Node) -> Node:
    """What an expression that writes does write."""
    written = node.get("leftHandSide") or node.get("subExpression") or node["expression"]
    return dict(written)


def in_storage(node: Node) -> bool:
    """Whether an expression is a mapping, a struct or an array in storage."""
    kind: str = node["typeDescriptions"]["typeIdentifier"]
    return kind.startswith("t_mapping") or kind.endswith(("_storage", "_storage_ptr"))
