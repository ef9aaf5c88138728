-- Remembers up to where a person has seen a project, unless they have seen more.
--
-- KEYS[1]  ai:memory:{user_id}
-- ARGV[1]  field of the project
-- ARGV[2]  position
-- ARGV[3]  seconds the memory is kept
--
-- Reply: 1 when it was moved, 0 when it was there or further; an error when what is held is no position.
--
-- A script and not MULTI, because the position held decides: two pages of a person end in any order.

mend_type(KEYS[1], 'hash')
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and not parse(held) then
  return unreadable(KEYS[1], ARGV[1])
end
if held and not before(held, ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
