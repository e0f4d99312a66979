"""The steps of the coherence protocol; each is one Lua script on one key, as a cluster requires.

A key holds one of three things, distinguished by the first byte:

    v<sealed bytes>         a value
    l<lease id>             a reader's lease
    f<shared><writer ids>   a fence: `1` if it was ever shared, then 16 bytes per writer in flight

One rule: no one replaces what they did not place. docs/coherence.md states the protocol.
A key of any other Redis type was not written by authapp: it is removed and counts as empty.
"""

from typing import Final

VALUE: Final = b"v"
LEASE: Final = b"l"
FENCE: Final = b"f"
ID_BYTES: Final = 16

SETTLED_BY_DELETING: Final = 0
SETTLED_BY_WRITING: Final = 1
FENCE_WAS_LOST: Final = 2

_HELD = """
local held = redis.pcall('GET', KEYS[1])
if type(held) == 'table' then redis.call('UNLINK', KEYS[1]) held = false end
local fenced = held and string.sub(held, 1, 1) == 'f'
"""

# ARGV: lease id, TTL in ms, damaged bytes that may be replaced ('' for none). Returns '' if the
# lease was taken, else what the key holds.
TAKE_LEASE: Final = (
    _HELD
    + """
if held and held ~= ARGV[3] then return held end
redis.call('SET', KEYS[1], 'l' .. ARGV[1], 'PX', ARGV[2])
return ''
"""
)

# ARGV: expected bytes, new bytes ('' deletes), TTL in ms. Returns 1 if replaced, else 0.
REPLACE: Final = (
    _HELD
    + """
if held ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('UNLINK', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""
)

# ARGV: writer id, TTL in ms.
RAISE_FENCE: Final = (
    _HELD
    + """
local fence = 'f0' .. ARGV[1]
if fenced then fence = 'f1' .. string.sub(held, 3) .. ARGV[1] end
redis.call('SET', KEYS[1], fence, 'PX', ARGV[2])
return 1
"""
)

# ARGV: writer id, the committed value ('' for none), its TTL in ms. Returns one of the three
# constants above; leaving a fence to its other writers counts as SETTLED_BY_DELETING.
SETTLE: Final = (
    _HELD
    + """
if not fenced then redis.call('UNLINK', KEYS[1]) return 2 end
local rest, mine = '', false
for at = 3, string.len(held), 16 do
  local writer = string.sub(held, at, at + 15)
  if writer == ARGV[1] then mine = true else rest = rest .. writer end
end
if rest ~= '' or not mine then
  redis.call('SET', KEYS[1], 'f1' .. rest, 'KEEPTTL')
  return mine and 0 or 2
end
if ARGV[2] == '' or string.sub(held, 2, 2) == '1' then redis.call('UNLINK', KEYS[1]) return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
)

# A fence is kept but marked as shared, so that its writers do not write a value.
INVALIDATE: Final = (
    _HELD
    + """
if fenced then redis.call('SET', KEYS[1], 'f1' .. string.sub(held, 3), 'KEEPTTL') return 0 end
return redis.call('UNLINK', KEYS[1])
"""
)

# ARGV: value, TTL in ms. A fence is handled as in INVALIDATE; otherwise the value is stored.
PUT: Final = (
    _HELD
    + """
if fenced then redis.call('SET', KEYS[1], 'f1' .. string.sub(held, 3), 'KEEPTTL') return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)
