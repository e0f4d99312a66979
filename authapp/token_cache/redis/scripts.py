"""The steps of the coherence protocol, each one Lua script on one key, so that a cluster runs them.

A key holds one of three things, distinguished by the first byte:

    v<sealed bytes>         a value
    l<lease id>             a reader's lease
    f<shared><writer ids>   a fence: `1` if it was ever shared, then 16 bytes a writer in flight

One rule: no one replaces what they did not place. docs/coherence.md states the protocol.
A key of any other Redis type was written by a stranger and counts as empty.
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

# ARGV: lease id, ttl ms, damaged bytes that may be replaced ('' for none). Returns '' when the
# lease was given, else what the key holds.
TAKE_LEASE: Final = (
    _HELD
    + """
if held and held ~= ARGV[3] then return held end
redis.call('SET', KEYS[1], 'l' .. ARGV[1], 'PX', ARGV[2])
return ''
"""
)

# ARGV: what was placed, what replaces it ('' deletes), ttl ms. Returns 1 when it did.
REPLACE: Final = (
    _HELD
    + """
if held ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('UNLINK', KEYS[1])
else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""
)

# ARGV: writer id, ttl ms.
RAISE_FENCE: Final = (
    _HELD
    + """
local fence = 'f0' .. ARGV[1]
if fenced then fence = 'f1' .. string.sub(held, 3) .. ARGV[1] end
redis.call('SET', KEYS[1], fence, 'PX', ARGV[2])
return 1
"""
)

# ARGV: writer id, the committed value ('' for none), its ttl ms. Returns one of the three
# constants above; a writer that has left a shared fence has settled, too.
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

# A fence stays, but its writers no longer count as alone in it.
INVALIDATE: Final = (
    _HELD
    + """
if fenced then redis.call('SET', KEYS[1], 'f1' .. string.sub(held, 3), 'KEEPTTL') return 0 end
return redis.call('UNLINK', KEYS[1])
"""
)

# ARGV: value, ttl ms. As INVALIDATE under a fence; else the value is placed.
PUT: Final = (
    _HELD
    + """
if fenced then redis.call('SET', KEYS[1], 'f1' .. string.sub(held, 3), 'KEEPTTL') return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)
