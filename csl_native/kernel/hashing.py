"""Hash tables: open addressing in a vector of key, value pairs.

Kinds as in CSL: 0 eq, 1 eql, 2 equal that takes vectors as eq does, 3 equal.  Objects do not move while the
program runs, so an address is a good hash; a table from an image (another
epoch) is rehashed when it is first used.

Places without an entry have a key that is no Lisp value.  A heap that is kept has no such words: there the entries come
first (``pack``), and what is behind them is filled with a number that versions before took for an empty place.
"""

from __future__ import annotations

from ..heap.objects import (
    BYTES_HEADER,
    HASH_COUNT,
    HASH_EPOCH,
    HASH_HEADER,
    HASH_KIND,
    HASH_SLOTS,
    HASH_SPARE,
    HASH_USED,
    OTHER_TYPE,
    T_HASH,
)
from ..heap.vm import EPOCH
from ..heap.words import CONS, FLOAT, OTHER, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import bounded, clz, inline, lisp, load, lshr, noinline, store, ult, word
from .arithmetic import truth
from .bignum import is_big
from .compound import compound_bits, is_compound
from .equality import is_cl_equal, is_equal, same_atom
from .host import H_BAD_HASH, H_NO_MEMORY, H_TEXT, X_MKHASH, host
from .memory import NIL, T, allocate_small, cons, make_vector, poll, set_field
from .safepoint import free_bytes
from .symbols import hash_string

HASH_TYPE = OTHER_TYPE[T_HASH]
EMPTY, DELETED = 0x17, 0x1F  # no Lisp values: their tag is that of headers
# What HASH_SPARE says of the places: those without an entry have one of two numbers as key (as older versions left them
# in images), the entries come first, or places without an entry are EMPTY or DELETED.
NUMBERED, PACKED, MARKED = 0, 8, 16
OLD_EMPTY, OLD_DELETED = 0x1FFFFFFFFFFFFFF0, 0x1FFFFFFFFFFFFFE0
DEEPEST = 4  # structures inside of structures that count for a hash


@inline
def is_hash(h: word) -> bool:
    return h & 7 == OTHER and load(h - OTHER) & 255 == HASH_TYPE


@inline
def mix(w: word) -> word:
    h = w * -7046029254386353131
    return h ^ lshr(h, 29)


@inline
def near(v: word, mask: word) -> word:
    """A hash of a word that keeps runs of 32 neighbours together: tables are filled in the order of numbers or of
    allocation, and who looks for what is not there goes to the end of a run.

    The runs themselves are spread by multiplication with a golden ratio, whose highest bits keep apart those that
    follow each other (Knuth 6.4).
    """
    x = lshr(v, 3 if v & 7 == 0 else 4)
    return (x & 31 | lshr(lshr(x, 5) * -7046029254386353131, clz(mask)) & -32) & mask


@inline
def is_word(v: word) -> bool:
    """Is a key the same as another in every kind of table only when it is the same word?"""
    return v & 7 == 0 or v & 7 == SYMBOL


def hash_object(v: word, kind: word, depth: word) -> word:
    """A hash of a key that is no fixnum or symbol, for tables of this kind (a fixnum word), ``depth`` structures deep.

    What the kind takes for equal has equal hashes: 0.0 and -0.0 are ``equal``, and not ``eql``.
    """
    tag = v & 7
    if tag == FLOAT:
        return mix(0 if kind > 8 and load(v + 8 - FLOAT) << 1 == 0 else load(v + 8 - FLOAT))
    if tag == OTHER:
        return hash_other(v, kind)
    if kind == 8 or kind == 16 and tag == VECTOR:
        return mix(v)
    if tag == STRING:
        return mix(hash_string(v))
    return hash_structure(v, kind, depth) if depth > 0 else 17


def hash_other(v: word, kind: word) -> word:
    if is_big(v):
        return mix(load(v + 8 - OTHER))
    if is_compound(v):
        return mix(compound_bits(v))
    return hash_bytes(v) if load(v - OTHER) & 255 == BYTES_HEADER and kind > 8 else mix(v)


@bounded("the first eight words")
def hash_bytes(v: word) -> word:
    """Of the first words of machine numbers; the last one may be only a part of a word, and is left out."""
    h = load(v - OTHER)
    size = h >> 8
    i = 0
    while i + 8 <= size and i < 64:
        h = mix(h + load(v + 8 - OTHER + i))
        i += 8
    return h


@inline
def hash_value(v: word, kind: word, depth: word) -> word:
    """What a part of a structure gives to its hash."""
    return v if is_word(v) else hash_object(v, kind, depth)


@bounded("to a depth of DEEPEST, 16 elements wide")
def hash_structure(v: word, kind: word, depth: word) -> word:
    h = 17
    n = 0
    if v & 7 == VECTOR:
        size = load(v - VECTOR) >> 8
        while n < size and n < 64:
            h = mix(h + hash_value(load(v + 8 - VECTOR + n), kind, depth - 1))
            n += 8
        return h
    while v & 7 == CONS and n < 16:
        a = load(v - 1)
        if a & 7 == CONS and n > 4:
            h = mix(h + 1)
        else:
            h = mix(h + hash_value(a, kind, depth - 1))
        v = load(v + 7)
        n += 1
    return h if v & 7 == CONS else mix(h + hash_value(v, kind, depth - 1))


@inline
def same_key(a: word, b: word, kind: word) -> word:
    """t or nil, or UNWIND; for tables whose keys are not all compared as words."""
    return truth(a == b or same_atom(a, b)) if kind == 8 else is_cl_equal(a, b) if kind == 16 else is_equal(a, b)


def make_hash(kind: word, slots: word) -> word:
    """A table of ``kind`` (a fixnum 0..3) with ``slots`` (a power of two) places; or UNWIND."""
    table = make_vector(2 * slots, EMPTY)
    if table == UNWIND:
        return table
    p = allocate_small(64)
    store(p, HASH_HEADER)
    store(p + 8, kind)
    store(p + 16, 0)
    store(p + 24, 0)
    store(p + 40, load(EPOCH))
    store(p + 48, MARKED)
    store(p + 56, 0)
    store(p + 32, NIL)
    set_field(p + 32, table)
    return p + OTHER


@lisp("mkhash", "also")
@bounded("doublings up to a million")
def mkhash(size: word, kind: word, growth: word) -> word:
    """A table for so many entries; its kind is a number, or the host knows what it means."""
    if (size | kind) & 7 != 0 or ult(5 << 3, kind):
        return host(H_TEXT, X_MKHASH, size, kind)
    slots = 16
    while slots < size >> 3 and slots < 1 << 20:
        slots *= 2
    return make_hash(kind, slots)


def find_place(h: word, key: word) -> word:
    """Address of the place of ``key`` or of the place where it goes (key first, then value); or UNWIND."""
    kind = load(h + HASH_KIND)
    table = load(h + HASH_SLOTS)
    mask = (load(table - VECTOR) >> 12) - 1
    if kind == 0:
        return find_same(table, key, mask)
    i = near(key, mask) if is_word(key) else hash_object(key, kind, DEEPEST) & mask
    free = 0
    while True:
        p = table + 8 - VECTOR + 16 * i
        k = load(p)
        if k == EMPTY:
            return free if free != 0 else p
        if k == DELETED:
            if free == 0:
                free = p
        else:
            same = same_key(k, key, kind)
            if same == UNWIND:
                return UNWIND
            if same != NIL:
                return p
        i = i + 1 & mask
        if poll() == UNWIND:
            return UNWIND


@bounded("runs of a table that is at most five eighths full")
@inline
def find_same(table: word, key: word, mask: word) -> word:
    """The same for keys that are compared as words."""
    i = near(key, mask)
    free = 0
    while True:
        p = table + 8 - VECTOR + 16 * i
        k = load(p)
        if k == key:
            return p
        if k == EMPTY:
            return free if free != 0 else p
        if k == DELETED and free == 0:
            free = p
        i = i + 1 & mask


@inline
def is_entry(k: word, form: word) -> bool:
    """Is the key of a place one?"""
    return k & 7 != 7 and (form != NUMBERED or k != OLD_EMPTY and k != OLD_DELETED)


@inline
def entries_end(h: word, table: word) -> word:
    """Bytes of the places of a table, which are in a vector, among which its entries are."""
    return load(h + HASH_COUNT) * 2 if load(h + HASH_SPARE) == PACKED else load(table - VECTOR) >> 8


@noinline
def rehash(h: word, slots: word) -> word:
    """Move the entries into a table of ``slots`` places; UNWIND, and nothing changed, when there is no room."""
    table = make_vector(2 * slots, EMPTY)
    if table == UNWIND:
        return table
    old = load(h + HASH_SLOTS)
    n = entries_end(h, old)
    form = load(h + HASH_SPARE)
    epoch = load(h + HASH_EPOCH)
    used = load(h + HASH_USED)
    set_field(h + HASH_SLOTS, table)
    store(h + HASH_EPOCH, load(EPOCH))
    store(h + HASH_SPARE, MARKED)
    store(h + HASH_USED, load(h + HASH_COUNT))
    i = 0
    while i < n:
        k = load(old + 8 - VECTOR + i)
        p = 0
        if is_entry(k, form):
            p = find_place(h, k)
        ended = poll()
        if p == UNWIND or ended == UNWIND:
            set_field(h + HASH_SLOTS, old)
            store(h + HASH_EPOCH, epoch)
            store(h + HASH_SPARE, form)
            store(h + HASH_USED, used)
            return UNWIND
        if p != 0:
            set_field(p, k)
            set_field(p + 8, load(old + 16 - VECTOR + i))
        i += 16
    return NIL


@inline
def settle(h: word) -> word:
    """Rehash a table from another epoch; UNWIND when there is no room for that."""
    if load(h + HASH_EPOCH) == load(EPOCH):
        return NIL
    return rehash(h, load(load(h + HASH_SLOTS) - VECTOR) >> 12)


@inline
def found_in(h: word, key: word, absent: word) -> word:
    """What a hash table of the kernel has for a key, or the last argument."""
    if settle(h) == UNWIND:
        return UNWIND
    p = find_place(h, key)
    if p == UNWIND:
        return UNWIND
    return load(p + 8) if load(p) != EMPTY and load(p) != DELETED else absent


@lisp("gethash2")
def gethash2(key: word, h: word) -> word:
    """What a hash table has for a key, or nil.
    (prog (h) (setq h (mkhash 8 3 nil)) (puthash 'a h 1) (return (gethash2 'a h))) => 1
    """
    return found_in(h, key, NIL) if is_hash(h) else host(H_BAD_HASH, 0, h, key)


@lisp("gethash3")
def gethash3(key: word, h: word, absent: word) -> word:
    """What a hash table has for a key, which may be nil; absent where it has nothing.
    (gethash3 'a (mkhash 8 3 nil) 0) => 0
    """
    return found_in(h, key, absent) if is_hash(h) else host(H_BAD_HASH, 40, h, cons(key, absent))


@lisp("puthash", "also")
def puthash(key: word, h: word, value: word) -> word:
    """Put a value for a key into a hash table; the value."""
    if not is_hash(h):
        return host(H_BAD_HASH, 8, h, cons(key, value))
    if settle(h) == UNWIND:
        return UNWIND
    p = find_place(h, key)
    if p == UNWIND:
        return UNWIND
    k = load(p)
    if k == EMPTY or k == DELETED:
        slots = load(load(h + HASH_SLOTS) - VECTOR) >> 12
        if k == EMPTY:
            if (load(h + HASH_USED) >> 3) * 8 >= slots * 5:
                if rehash(h, 2 * slots if (load(h + HASH_COUNT) >> 3) * 2 >= slots else slots) == UNWIND:
                    return UNWIND
                p = find_place(h, key)
                if p == UNWIND:
                    return UNWIND
            store(h + HASH_USED, load(h + HASH_USED) + 8)
        store(h + HASH_COUNT, load(h + HASH_COUNT) + 8)
        set_field(p, key)
    set_field(p + 8, value)
    return value


@lisp("remhash", "also")
def remhash(key: word, h: word) -> word:
    if not is_hash(h):
        return host(H_BAD_HASH, 16, h, key)
    if settle(h) == UNWIND:
        return UNWIND
    p = find_place(h, key)
    if p == UNWIND:
        return UNWIND
    if load(p) == EMPTY or load(p) == DELETED:
        return NIL
    store(p, DELETED)
    store(p + 8, 0)
    store(h + HASH_COUNT, load(h + HASH_COUNT) - 8)
    return T


@lisp("clrhash", "also")
def clrhash(h: word) -> word:
    if not is_hash(h):
        return host(H_BAD_HASH, 24, h, 0)
    table = make_vector(16, EMPTY)
    if table == UNWIND:
        return table
    store(h + HASH_COUNT, 0)
    store(h + HASH_USED, 0)
    store(h + HASH_EPOCH, load(EPOCH))
    store(h + HASH_SPARE, MARKED)
    set_field(h + HASH_SLOTS, table)
    return NIL


@inline
def with_entry(r: word, at: word, form: word) -> word:
    """A list with the pair of key and value before it that lie there, if it is an entry."""
    k = load(at)
    return cons(cons(k, load(at + 8)), r) if is_entry(k, form) else r


@lisp("hashcontents")
def hashcontents(h: word) -> word:
    """The entries of a hash table as a list of (key . value).
    (prog (h) (setq h (mkhash 8 3 nil)) (puthash 'a h 1) (return (hashcontents h))) => ((a . 1))
    """
    if not is_hash(h):
        return host(H_BAD_HASH, 32, h, 0)
    table = load(h + HASH_SLOTS)
    n = entries_end(h, table)
    form = load(h + HASH_SPARE)
    if 4 * load(h + HASH_COUNT) > free_bytes():
        return host(H_NO_MEMORY, 4 * load(h + HASH_COUNT), 0, 0)
    r = NIL
    i = 0
    while i < n:
        r = with_entry(r, table + 8 - VECTOR + i, form)
        i += 16
        if poll() == UNWIND:
            return UNWIND
    return r


@bounded("a weak table goes to its end right after a collection, when nothing may be ended")
def contents_of_weak(h: word) -> word:
    """The same for the host's own tables."""
    table = load(h + HASH_SLOTS)
    n = entries_end(h, table)
    form = load(h + HASH_SPARE)
    r = NIL
    i = 0
    while i < n:
        r = with_entry(r, table + 8 - VECTOR + i, form)
        i += 16
    return r


@lisp("hash-table-p")
def hash_table_p(h: word) -> word:
    """Is it a hash table?  (hash!-table!-p (mkhash 8 3 nil)) => t"""
    return truth(is_hash(h))


@lisp("sxhash")
def sxhash(v: word) -> word:
    """A small integer that is the same for values that are `equal`.  (equal (sxhash "ab") (sxhash "ab")) => t"""
    return lshr(mix(hash_value(v, 24, DEEPEST)), 30) << 3


@bounded("a copy of the heap goes to its end")
def pack(h: word, table: word) -> None:
    """Put the entries of a table that is being copied into an image first; ``table`` is where its copied places are.
    No word that is no value is left.
    """
    n = entries_end(h, table)
    form = load(h + HASH_SPARE)
    i = 0
    j = 0
    while i < n:
        k = load(table + 8 - VECTOR + i)
        if is_entry(k, form):
            v = load(table + 16 - VECTOR + i)
            store(table + 8 - VECTOR + j, k)
            store(table + 16 - VECTOR + j, v)
            j += 16
        i += 16
    n = load(table - VECTOR) >> 8
    while j < n:
        store(table + 8 - VECTOR + j, OLD_EMPTY)
        store(table + 16 - VECTOR + j, 0)
        j += 16
    store(h + HASH_USED, load(h + HASH_COUNT))
    store(h + HASH_SPARE, PACKED)
    store(h + HASH_EPOCH, 0)
