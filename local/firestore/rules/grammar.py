"""The grammar of the rules language, version 2, for Lark's LALR parser with the contextual lexer.

A `/` opens a path where an operand is expected and divides after one; the parser's state tells which. A `;` may be
missing but after a `let`, as with the vendor.
"""

from __future__ import annotations

from functools import cache

from lark import Lark

GRAMMAR = r"""
start: version? function* service (service | function)*
version: "rules_version" "=" STRING ";"?
service: "service" dotted "{" (function | match)* "}"
dotted: NAME ("." NAME)*

match: "match" pattern "{" (function | match | allow)* "}"
pattern: ("/" _segment)+
_segment: literal_segment | wildcard | glob
literal_segment: SEGMENT | "(" SEGMENT ")" -> bracketed_segment
wildcard: "{" NAME "}"
glob: "{" NAME "=" "**" "}"

allow: "allow" methods (":" condition)? ";"?
condition: "if" expr
methods: NAME ("," NAME)*

function: "function" NAME "(" parameters ")" "{" let* "return" expr ";"? "}"
parameters: (NAME ("," NAME)*)?
let: "let" NAME "=" expr ";"

?expr: or_ | or_ "?" expr ":" expr -> ternary
?or_: and_ | or_ "||" and_ -> logic_or
?and_: equality | and_ "&&" equality -> logic_and
?equality: is_ | equality EQUALITY is_ -> binary
?is_: in_ | is_ "is" NAME -> is_type
?in_: relation | in_ IN relation -> binary
?relation: sum | relation RELATION sum -> binary
?sum: product | sum SUM product -> binary
?product: unary | product (PRODUCT | SLASH) unary -> binary
?unary: postfix | (NOT | MINUS) unary -> unary_op

?postfix: primary
    | postfix "." NAME -> member
    | postfix "." NAME "(" arguments ")" -> method
    | postfix "[" expr "]" -> index_of
    | postfix "[" from_ ":" to_ "]" -> slice_of

from_: expr?
to_: expr?

?primary: NAME -> name
    | NAME "(" arguments ")" -> call
    | INT -> int_literal
    | FLOAT -> float_literal
    | STRING -> string_literal
    | BYTES -> bytes_literal
    | "true" -> true_literal
    | "false" -> false_literal
    | "null" -> null_literal
    | "(" expr ")"
    | "[" (expr ("," expr)* ","?)? "]" -> list_literal
    | "{" (pair ("," pair)* ","?)? "}" -> map_literal
    | path

pair: expr ":" expr
arguments: (expr ("," expr)*)?
path: (SLASH _path_segment)+
_path_segment: literal_segment | spliced | placeholder
placeholder: "{" NAME "}"
spliced: "$(" expr ")"

EQUALITY: "==" | "!="
RELATION: "<=" | ">=" | "<" | ">"
IN: "in"
SUM: "+" | MINUS
PRODUCT: "*" | "%"
SLASH: "/"
NOT: "!"
MINUS: "-"
SEGMENT: /[A-Za-z0-9_%~@.+:-]+/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
FLOAT.2: /[0-9]+\.[0-9]*|\.[0-9]+/
INT: /[0-9]+/
STRING: /'(\\.|[^'\\\n])*'|"(\\.|[^"\\\n])*"/
BYTES.2: /b('(\\.|[^'\\\n])*'|"(\\.|[^"\\\n])*")/
LINE_COMMENT.3: /\/\/[^\n]*/
BLOCK_COMMENT.3: /\/\*[\s\S]*?\*\//
%ignore LINE_COMMENT
%ignore BLOCK_COMMENT
%ignore /\s+/
"""


@cache
def parser() -> Lark:
    """The parser, built on first use."""
    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)
