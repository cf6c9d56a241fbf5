% Build the algebra system:
%
%     csl -q -z -D@algebra=examples/algebra -o algebra.img examples/algebra/build.lsp
%
% A chain of three images, all in one file and one process: the core; the core with the packages beside it, as modules
% that are compiled by a Lisp restarted from the core; and the finished one, which begins with (algebra).

(load "$algebra/core/syntax.lsp")
(load "$algebra/core/lexer.lsp")
(load "$algebra/core/operators.lsp")
(load "$algebra/core/parser.lsp")
(load "$algebra/core/kernels.lsp")
(load "$algebra/core/polynomials.lsp")
(load "$algebra/core/division.lsp")
(load "$algebra/core/quotients.lsp")
(load "$algebra/core/values.lsp")
(load "$algebra/core/apply.lsp")
(load "$algebra/core/substitute.lsp")
(load "$algebra/core/elementary.lsp")
(load "$algebra/core/derivative.lsp")
(load "$algebra/core/translate.lsp")
(load "$algebra/core/printing.lsp")
(load "$algebra/core/commands.lsp")
(load "$algebra/core/catalogue.lsp")

(preserve nil "Algebra, core" t)

(faslout 'factor)
(rdf "$algebra/packages/dense.lsp")
(rdf "$algebra/packages/cantor.lsp")
(rdf "$algebra/packages/hensel.lsp")
(rdf "$algebra/packages/kronecker.lsp")
(rdf "$algebra/packages/factor.lsp")
(faslend)

(faslout 'matrix)
(rdf "$algebra/packages/elimination.lsp")
(rdf "$algebra/packages/matrices.lsp")
(faslend)

(faslout 'solve)
(rdf "$algebra/packages/solve.lsp")
(faslend)

(faslout 'integrate)
(rdf "$algebra/packages/rational.lsp")
(rdf "$algebra/packages/integrate.lsp")
(faslend)

(faslout 'groebner)
(rdf "$algebra/packages/monomials.lsp")
(rdf "$algebra/packages/groebner.lsp")
(faslend)

(faslout 'numbers)
(rdf "$algebra/packages/numbers.lsp")
(faslend)

(faslout 'display)
(rdf "$algebra/packages/display.lsp")
(faslend)

(preserve 'algebra "Algebra")
