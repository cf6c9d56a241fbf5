"""Random programs that end: definitions, and steps whose values are printed.

A form is a text or a list of forms.  Loops have bounds of their own, recursions count down in their first argument, and
what a function may cost at most is added up while it is made, so that loops of calls of loops stay small.  What a loop
keeps is clipped.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from .primitives import PRIMITIVES

Form = str | list  # of forms
TYPES = ("int", "flo", "str", "sym", "list", "any", "bool", "num", "int", "int", "flo", "list", "any")
MOST = 4000  # steps that one call of a function may take
LARGE = 0.007  # of programs have a large function
STRINGS = ('""', '"a"', '"Hello"', '"x y"', '"é漢"', '"line 12"', '"😀"', '"12.5"')
SYMBOLS = ("a", "b", "c", "here", "nil", "t", "Mixed", "!1x", "x!-y", "!é")
FLOATS = ("0.0", "-0.0", "1.0", "-1.5", "2.5", "1.0e10", "1.0e300", "1.0e-310", "0.1", "3.141592653589793", "-7.0e-5",
          "1152921504606846976.0", "0.3333333333333333")
EDGES = (1 << 27, 1 << 28, 1 << 31, 1 << 32, 1 << 53, 1 << 59, 1 << 60, 1 << 62, 1 << 63, 1 << 64, 10**18, 1 << 128)


def escaped(token: str) -> str:
    """A token as the reader wants it: hyphens and the like inside of a name behind an exclamation mark."""
    if token[0] in '"?' or re.fullmatch(r"[-+]?[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?", token):
        return token
    return re.sub(r"(?<=[a-zA-Z0-9])[-*<>=+/]|(?<=[^!a-zA-Z0-9])=|^(?=[0-9])", r"!\g<0>", token)


def parse(text: str) -> list[Form]:
    """The forms in a text, without a meaning for quotes and the like."""
    stack: list[list[Form]] = [[]]
    for token in map(escaped, re.findall(r'"[^"]*"|[()]|[^\s()"]+', text)):
        if token == "(":
            stack.append([])
        elif token == ")":
            done = stack.pop()
            stack[-1].append(done)
        else:
            stack[-1].append(token)
    return stack[0]


ROWS: dict[str, list[Form]] = {kind: parse(text) for kind, text in PRIMITIVES.items()}


def text_of(form: Form) -> str:
    return form if isinstance(form, str) else "(" + " ".join(map(text_of, form)) + ")"


@dataclass
class Program:
    """``names``: the functions that the definitions define; ``steps``: forms whose values are printed."""

    seed: int
    definitions: list[Form] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    steps: list[Form] = field(default_factory=list)
    large: bool = False  # is there a function of thousands of bytes?

    def step(self, k: int) -> str:
        """The name of the function that a step becomes."""
        return f"p{self.seed}s{k}"

    def functions(self) -> list[str]:
        return [*self.names, *map(self.step, range(len(self.steps)))]

    def text(self) -> str:
        return "\n".join(map(text_of, self.definitions)) + "\n\n" + "\n".join(text_of(wrapped(step))
                                                                              for step in self.steps) + "\n"


def guarded(step: Form) -> Form:
    """A step with what catches its throws."""
    return ["catch", ["quote", "out"], ["catch", ["quote", "other"], step]]


def wrapped(step: Form) -> Form:
    """A step as it is evaluated: its errors are shown, its value is printed with all digits."""
    return ["print", ["errorset", ["quote", guarded(step)], "t", "nil"]]


@dataclass
class Function:
    name: str
    parameters: list[str]  # their types
    result: str
    cost: int
    counted: bool = False  # is there a first argument that counts down?
    optional: int = 0  # so many of the last parameters may be left out
    rest: bool = False  # are there any further arguments?


class Generator:
    """One program; ``random`` decides everything."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.program = Program(seed)
        self.prefix = f"p{seed}"
        self.functions: list[Function] = []
        self.macros: list[tuple[str, int]] = []
        self.fluids = {f"{self.prefix}f{k}": self.random.choice(TYPES) for k in range(2)}
        self.globals = {f"{self.prefix}g{k}": self.random.choice(TYPES) for k in range(2)}
        self.count = 0

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def chance(self, p: float) -> bool:
        return self.random.random() < p

    def make(self) -> Program:
        r, out = self.random, self.program.definitions
        out.append(["fluid", ["quote", list(self.fluids)]])
        for name in self.fluids | self.globals:
            out.append(["setq", name, Body(self, {}, None).constant((self.fluids | self.globals)[name])])
        for _ in range(r.randrange(3)):
            self.macro()
        for _ in range(r.randrange(1, 5)):
            self.function()
        if self.chance(LARGE):
            self.large()
        for _ in range(r.randrange(2, 6)):
            body = Body(self, {}, None)
            self.program.steps.append(body.call(r.choice(self.functions), 3) if self.chance(0.8)
                                      else body.expression("any", 4))
        self.program.steps.append(["list", *self.fluids, *self.globals])
        return self.program

    def macro(self) -> None:
        """A macro of two arguments; it allocates while it expands."""
        name = f"{self.prefix}m{len(self.macros)}"
        garbage = ("(prog (i) (setq i 0) lp (cond ((greaterp i 60) (return nil))) (list i (list i i)) "
                   "(setq i (add1 i)) (go lp))")
        self.program.definitions.append(self.random.choice((
            f"(dm {name} (u) (prog (g r) (setq g (gensym)) (setq r (list 'list g (caddr u) g)) {garbage} "
            "(return (list 'let (list (list g (cadr u))) r))))",
            f"(defmacro {name} (a b) `(cons ,a (list ,b (quote (,b ,a)))))",
            f"(dm {name} (u) (progn {garbage} (mapcar (cons 'list (cdr u)) (function (lambda (x) {garbage} x)))))",
            f"(defmacro {name} (a b) (let ((l (list a b))) {garbage} `(if ,(car l) (list ,@l) (list ,(cadr l) 2.5))))",
            f"(dm {name} (u) (list 'prog2 (cadr u) (list 'let (list (list 'v (caddr u))) "
            "(list 'list 'v (list 'quote (append (cdr u) nil))))))")))
        self.macros.append((name, 2))

    def function(self) -> None:
        r = self.random
        name = f"{self.prefix}n{len(self.functions)}"
        kinds = [r.choice(TYPES) for _ in range(r.choice((0, 1, 1, 2, 2, 3, 3, 4, 5)))]
        result, counted = r.choice(TYPES), self.chance(0.3)
        names = [self.fresh("v") for _ in kinds]
        for k in range(len(names)):
            if self.chance(0.06):
                names[k] = next(f for f in self.fluids)
                kinds[k] = self.fluids[names[k]]
                break
        function = Function(name, kinds, result, 0, counted)
        if not counted and kinds and self.chance(0.15):
            function.optional, function.rest = r.randrange(len(kinds) + 1), self.chance(0.5)
        body = Body(self, dict(zip(names, kinds, strict=True)), function)
        forms: list[Form] = [body.statement(3) for _ in range(r.randrange(3))]
        forms.append(body.expression(result, 5))
        function.cost = body.cost
        if counted:
            function.cost *= 8
            forms = [["cond", [["not", ["igreaterp", "n", "0"]], body.leaf(result)], ["t", *forms]]]
        self.functions.append(function)
        self.program.names.append(name)
        self.program.definitions.append(["de", name, self.parameters(function, names), *forms])

    def parameters(self, f: Function, names: list[str]) -> list[Form]:
        """A parameter list; optional parameters have defaults, which may allocate, and what is given beyond goes
        nowhere.
        """
        if not f.optional and not f.rest:
            return ["n", *names] if f.counted else list(names)
        fixed, optional = len(names) - f.optional, list[Form]()
        for name, kind in zip(names[fixed:], f.parameters[fixed:], strict=True):
            optional.append([name, ["car", ["list", Body(self, {}, None).constant(kind)]]])
        return [*names[:fixed], *(["!&optional", *optional] if optional else []),
                *(["!&rest", self.fresh("v")] if f.rest else [])]

    def large(self) -> None:
        """A function of thousands of bytes: far jumps, many local variables, many literals."""
        r, name = self.random, f"{self.prefix}big"
        count, statements = r.choice((30, 200, 300, 700)), r.choice((200, 500, 900))
        if self.chance(0.02):
            count = r.choice((5000, 20000))
        local = [f"w{k}" for k in range(count)]

        def variable() -> str:
            return local[int(count * r.random() ** 3)] if self.chance(0.7) else r.choice(local)

        def term() -> Form:
            return r.choice((variable(), str(r.randrange(-9, 999)), variable(), ["iplus2", variable(), "1"],
                             ["plus", variable(), variable()],
                             ["min", variable(), "7000"], ["length", ["list", variable(), variable()]],
                             str(r.getrandbits(70)),
                             ["length", ["quote", [f"k{r.randrange(9999)}", "1"]]],
                             ["difference", variable(), variable()]))
        body: list[Form] = [["setq", w, ["plus", "a", str(k)]] for k, w in enumerate(local[:400])]
        body += [["setq", w, "0"] for w in local[400:]] + ["back"]
        for k in range(statements):
            if k % 8 == 0:
                body.append(f"l{k // 8}")
            ahead = f"l{r.randrange(k // 8 + 1, (statements + 7) // 8 + 1)}"
            body.append(r.choice((["setq", variable(), term()], ["setq", variable(), ["remainder", term(), "1000003"]],
                                  ["cond",
                                   [[r.choice(("lessp", "eqn", "greaterp")), variable(), term()], ["go", ahead]]],
                                  ["setq", variable(), ["cond", [["evenp", variable()], term()], ["t", term()]]])))
        body += [f"l{(statements + 7) // 8}", ["setq", "n", ["iadd1", "n"]],
                 ["cond", [["ilessp", "n", "3"], ["go", "back"]]]]
        body.append(["return", ["list", *(["remainder", variable(), "1000003"] for _ in range(30))]])
        self.program.large = True
        self.program.names.append(name)
        self.program.definitions.append(["de", name, ["a"], ["prog", ["n", *local], ["setq", "n", "0"], *body]])
        self.program.steps.append([name, str(r.randrange(100))])


class Body:
    """Expressions inside of one function, or of none."""

    def __init__(self, generator: Generator, variables: dict[str, str], function: Function | None) -> None:
        self.g, self.r = generator, generator.random
        self.variables, self.function = variables, function
        self.cost = 0
        self.times = 1  # how often what is made now runs at most
        self.recursed = False
        self.fixed: set[str] = set()  # loop counters: never assigned

    def known(self, kind: str) -> list[str]:
        wanted = ("int", "flo") if kind == "num" else (kind,)
        every = {**self.g.globals, **self.g.fluids, **self.variables}
        return [name for name, its in every.items() if its in wanted or kind == "any"
                or (kind == "num" and its == "num")]

    def leaf(self, kind: str) -> Form:
        r = self.r
        known = self.known(kind)
        if known and r.random() < 0.7:
            return r.choice(known)
        return self.constant(kind)

    def constant(self, kind: str) -> Form:
        r = self.r
        if kind in ("num", "any"):
            kind = r.choice(("int", "flo", "int") if kind == "num" else ("int", "flo", "str", "sym", "list", "bool"))
        if kind == "int":
            small = str(r.randrange(-3, 12))
            edge, random_ = (r.choice(EDGES) * r.choice((1, -1)) + r.randrange(-2, 3),
                             r.getrandbits(r.randrange(1, 200)) * r.choice((1, -1)))
            return r.choice((small, small, str(edge), str(random_)))
        if kind == "list":
            digits = [str(r.randrange(9)) for _ in range(r.randrange(1, 5))]
            return ["quote", r.choice(([], digits, ["a", ["b", "2.5"], '"s"'], [["a", ".", "1"], ["b", ".", "2"]]))]
        return {"flo": lambda: r.choice(FLOATS), "str": lambda: r.choice(STRINGS),
                "sym": lambda: ["quote", r.choice(SYMBOLS)], "bool": lambda: r.choice(("t", "nil")),
                "small": lambda: str(r.randrange(-3, 10)), "index": lambda: str(r.randrange(0, 5)),
                "code": lambda: str(r.randrange(97, 123)),
                "fn1": lambda: r.choice((["quote", "list"], ["function", "print-through"], ["quote", "add1"])),
                "less": lambda: ["function", r.choice(("lessp", "greaterp", "leq"))],
                "quoted": lambda: ["quote", ["list", "1", ["car", "5"]]], "vec": lambda: ["mkvect", "3"],
                "octets": lambda: ["mkvect8", "4"], "words": lambda: ["mkvect32", "4"],
                "floats": lambda: ["mkfvect64", "4"]}[kind]()

    def fill(self, row: Form, depth: int) -> Form:
        if isinstance(row, str):
            return self.expression(row[1:].rstrip("*!"), depth) if row.startswith("?") else row
        return [self.fill(part, depth) for part in row]

    def expression(self, kind: str, depth: int) -> Form:
        r = self.r
        self.cost += self.times
        if depth <= 0 or self.cost > MOST // 4 or kind in ("index", "code", "less", "quoted"):
            return self.leaf(kind)
        if kind == "small":
            counters = sorted(self.fixed)
            return r.choice(counters) if counters and r.random() < 0.4 else self.leaf(kind)
        if kind == "fn1":
            return self.closure(depth) if r.random() < 0.7 else self.leaf(kind)
        if r.random() < 0.02 and kind in ("int", "flo", "str", "list"):
            kind = r.choice(("int", "flo", "str", "sym", "list"))  # the wrong type, which is an error in most places
        if kind == "num":
            kind = r.choice(("int", "flo"))
        if r.random() < 0.15:
            return self.leaf(kind)
        if r.random() < 0.25 and kind in TYPES:
            return self.control(kind, depth - 1)
        if r.random() < 0.12 and kind in TYPES:
            calls = [f for f in self.g.functions if f.result == kind or kind == "any"]
            if calls:
                return self.call(r.choice(calls), depth - 1)
        if kind == "any" and self.g.macros and r.random() < 0.15:
            return [r.choice(self.g.macros)[0], self.expression("any", depth - 2), self.expression("any", depth - 2)]
        return self.fill(r.choice(ROWS[kind]), depth - 1)

    def call(self, f: Function, depth: int) -> Form:
        if self.cost + f.cost * self.times > MOST:
            return self.leaf(f.result)
        self.cost += f.cost * self.times
        arguments = [self.expression(kind, depth - 1)
                     for kind in f.parameters[:len(f.parameters) - self.r.randrange(f.optional + 1)]]
        if f.rest and len(arguments) == len(f.parameters):
            arguments += [self.expression("any", depth - 2) for _ in range(self.r.randrange(4))]
        if self.r.random() < 0.01:
            arguments.append("1")
        return [f.name, *([str(self.r.randrange(0, 8))] if f.counted else []), *arguments]

    def closure(self, depth: int) -> Form:
        name = self.g.fresh("v")
        outer = self.times
        self.times *= 6
        body = self.inside({name: "any"}, lambda: self.expression("any", depth - 1))
        self.times = outer
        return ["function", ["lambda", [name], body]]

    def inside(self, variables: dict[str, str], make) -> Form:  # type: ignore[no-untyped-def]
        saved, self.variables = self.variables, {**self.variables, **variables}
        try:
            return make()  # type: ignore[no-any-return]
        finally:
            self.variables = saved

    def control(self, kind: str, depth: int) -> Form:
        """A form with parts of any kind around one that gives ``kind``."""
        r, f = self.r, self.function
        choice = r.randrange(12)
        if choice == 0 and f is not None and f.counted and not self.recursed and self.times == 1 and f.result == kind:
            self.recursed = True
            return [f.name, ["isub1", "n"], *(self.expression(k, depth - 1) for k in f.parameters)]
        if choice == 1:
            return ["cond", [self.expression("bool", depth), self.expression(kind, depth)],
                    ["t", self.statement(depth - 1), self.expression(kind, depth)]]
        if choice in (2, 3):
            rows = {(self.g.fresh("v") if r.random() < 0.9 else r.choice(list(self.g.fluids))): ""
                    for _ in range(r.randrange(1, 3))}
            kinds = {name: self.g.fluids.get(name) or r.choice(TYPES) for name in rows}
            bindings: list[Form] = [[name, self.expression(k, depth - 1)] for name, k in kinds.items()]
            return [r.choice(("let", "let!*")), bindings,
                    *self.inside(kinds, lambda: [self.statement(depth - 1), self.expression(kind, depth)])]
        if choice in (4, 5, 6):
            return self.loop(kind, depth)
        if choice == 7:
            name, its = self.g.fresh("v"), r.choice(TYPES)
            body = self.inside({name: its}, lambda: self.expression(kind, depth))
            return [["lambda", [name], body], self.expression(its, depth - 1)]
        if choice == 8:
            return ["prog1", self.expression(kind, depth), self.statement(depth - 1)]
        if choice == 9:
            return ["unwind!-protect", self.expression(kind, depth), self.statement(depth - 1)]
        if choice == 10 and kind in ("any", "list"):
            return ["mapcar", self.expression("list", depth - 1), self.closure(depth)]
        return ["if", self.expression("bool", depth), self.expression(kind, depth), self.expression(kind, depth)]

    def loop(self, kind: str, depth: int) -> Form:
        """A prog with a counter, and an answer that each round may change."""
        r = self.r
        rounds = r.choice((2, 3, 5, 8, 20, 40))
        if self.times * rounds > MOST // 20:
            return self.expression(kind, depth - 1)
        i, answer = self.g.fresh("i"), self.g.fresh("v")
        outer, self.times = self.times, self.times * rounds
        first = self.expression(kind, 1)
        variables = {i: "small", answer: kind}
        self.fixed.add(i)

        def make() -> list[Form]:
            return [*(self.statement(depth - 1) for _ in range(r.randrange(2))),
                    ["setq", answer, ["clip", self.expression(kind, depth)]]]
        body = self.inside(variables, make)
        self.fixed.discard(i)
        self.times = outer
        if r.random() < 0.2:
            return ["let", [[answer, first]], ["dotimes", [i, str(rounds)], *body], answer]
        leave: list[Form] = [["cond", [self.inside(variables, lambda: self.expression("bool", depth - 2)),
                                       ["return", answer]]]] if r.random() < 0.2 else []
        return ["prog", [i, answer], ["setq", i, "0"], ["setq", answer, first], "lp",
                ["cond", [["igeq", i, str(rounds)], ["return", answer]]], *body, *leave, ["setq", i, ["iadd1", i]],
                ["go", "lp"]]

    def statement(self, depth: int) -> Form:
        """Something that is done for its effect: mostly an assignment."""
        every = {**self.g.fluids, **self.g.globals, **self.variables}
        names = [name for name, kind in every.items() if name not in self.fixed and kind in TYPES]
        if names and self.r.random() < 0.75:
            name = self.r.choice(names)
            return ["setq", name, ["clip", self.expression(every[name], depth)]]
        return self.expression("any", depth)


def generate(seed: int) -> Program:
    return Generator(seed).make()
