"""Records: what ``typing.NamedTuple`` makes, in a tenth of the time and without ``typing``, because a start makes
dozens of them.

To a type checker they are named tuples, and they behave as such: fields by name and by place, defaults for the last of
them, ``_replace``, ``_asdict``, patterns, pickles.
"""

from __future__ import annotations

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:
    from _collections import _tuplegetter as field  # of a named tuple, too

    class RecordType(type):
        """Makes fields of what a class annotates; as in a named tuple, those with a default are the last."""

        def __new__(meta, name, bases, space):
            if bases:
                fields = tuple(space.get("__annotations__", ()))
                defaults = tuple(space[each] for each in fields if each in space)
                if any(each not in space for each in fields[len(fields) - len(defaults):]):
                    raise TypeError(f"{name}: a field without a default behind one with a default")
                space.update(__slots__=(), _fields=fields, __match_args__=fields, _defaults=defaults,
                             **{each: field(place, "") for place, each in enumerate(fields)})
            return super().__new__(meta, name, bases, space)

    class Record(tuple, metaclass=RecordType):
        __slots__ = ()

        def __new__(cls, *values, **named):
            missing = len(cls._fields) - len(values)
            if named:
                values += tuple([named.pop(each) if each in named else cls.default(each)
                                 for each in cls._fields[len(values):]])
                if named:
                    raise TypeError(f"{cls.__name__} has no field {', '.join(named)} that was not given")
            elif missing:
                if not 0 < missing <= len(cls._defaults):
                    raise TypeError(f"{cls.__name__}: {len(values)} values for the fields {', '.join(cls._fields)}")
                values += cls._defaults[-missing:]
            return tuple.__new__(cls, values)

        @classmethod
        def default(cls, each):
            place = cls._fields.index(each) - len(cls._fields)
            if place < -len(cls._defaults):
                raise TypeError(f"{cls.__name__}: no value for the field {each}")
            return cls._defaults[place]

        def _replace(self, **changed):
            values = [changed.pop(each, value) for each, value in zip(self._fields, self, strict=True)]
            if changed:
                raise ValueError(f"{type(self).__name__} has no field {', '.join(changed)}")
            return tuple.__new__(type(self), values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            values = (f"{each}={value!r}" for each, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({', '.join(values)})"
