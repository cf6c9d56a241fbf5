% Typed modules (docs/typed-modules.md).

(dm module (u) (list 'define!-module (list 'quote (cdr u))))
