-- Writes the hot copy of a session and its place in the person's index, unless a better one is held.
--
-- KEYS[1]  session:{id}
-- KEYS[2]  user_sessions:{user_id}
-- ARGV[1]  version of this copy
-- ARGV[2]  the copy, JSON
-- ARGV[3]  ms until the copy expires
-- ARGV[4]  session id
-- ARGV[5]  Unix ms until which it is in the index, or 0 to keep it out
-- ARGV[6]  now, Unix ms
-- ARGV[7]  1 when it has ended, else 0
--
-- Reply: 1 when written, 0 when a better copy is held.
--
-- A script and not MULTI, because what is held decides. A copy read from SQL just before a logout and
-- written just after it would bring the session back: what has ended is never live again, so that one
-- that ended gives way only to a newer one that ended. Else the newer version counts.

local ended = ARGV[7] == '1'
local held = redis.call('GET', KEYS[1])
if held then
  local read, copy = pcall(cjson.decode, held)
  if read and type(copy) == 'table' and tonumber(copy.version) then
    local newer = tonumber(copy.version) > tonumber(ARGV[1])
    local held_ended = type(copy.ended_at) == 'string'
    if (held_ended and not ended) or (newer and held_ended == ended) then
      return 0
    end
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
