% Typed modules (docs/typed-modules.md).

% (module name part...)
% Define a typed module: procedures on variables of given sizes, verified when they are built.
% (stringp 'module) => nil
(dm module (u) (list 'define!-module (list 'quote (cdr u))))
