-- Writes the hot copy of a session and its place in the person's index, unless a newer copy is held.
--
-- KEYS[1]  session:{id}
-- KEYS[2]  user_sessions:{user_id}
-- ARGV[1]  version of this copy
-- ARGV[2]  the copy, JSON
-- ARGV[3]  ms until the copy expires
-- ARGV[4]  session id
-- ARGV[5]  Unix ms the session ends, or 0 when it has ended
-- ARGV[6]  now, Unix ms
--
-- Reply: 1 when written, 0 when a newer copy is held.
--
-- A script and not MULTI, because the version held decides. Without the version, a copy read from
-- SQL just before a logout and written just after it would bring the session back.

local held = redis.call('GET', KEYS[1])
if held then
  local read, copy = pcall(cjson.decode, held)
  if read and type(copy) == 'table' and tonumber(copy.version) and tonumber(copy.version) > tonumber(ARGV[1]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[6])
if ARGV[5] == '0' then
  redis.call('ZREM', KEYS[2], ARGV[4])
else
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[4])
end
local longest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if longest[2] then
  redis.call('PEXPIREAT', KEYS[2], string.format('%d', longest[2]))
end
return 1
