-- Moves an entry that no consumer can take to the dead letters: XADD and XACK at once.
--
-- KEYS[1]  the stream
-- KEYS[2]  dlq:{stream}
-- KEYS[3]  dead_letters:{stream}
-- KEYS[4]  delivered:{stream}
-- ARGV[1]  group
-- ARGV[2]  the entry's ID
-- ARGV[3]  the event, or all fields as JSON
-- ARGV[4]  why
-- ARGV[5]  deliveries until then
-- ARGV[6]  now, RFC 3339
-- ARGV[7]  how many dead letters are kept
-- ARGV[8]  bytes of them, about
--
-- Reply: 1 when it was moved, 0 when somebody else settled it or it was moved before.
--
-- A script and not MULTI, because it is moved only if its XACK counts. The index makes it one dead
-- letter also when the group was destroyed and reads the stream anew. Dead letters and an index that somebody
-- broke begin anew: no good entry waits for them.

mend(KEYS[2])
mend_type(KEYS[3], 'zset')
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then
  return 0
end
move_delivered(KEYS[1], group_of(KEYS[1], ARGV[1]), KEYS[4], { [ARGV[2]] = true })
local member, ms = ARGV[1] .. ' ' .. ARGV[2], string.match(ARGV[2], '^%d+')
if redis.call('ZADD', KEYS[3], 'NX', ms, member) == 0 then
  return 0
end
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -(tonumber(ARGV[7]) + 1))
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[7], '*', 'event', ARGV[3], 'source_stream', KEYS[1],
  'source_id', ARGV[2], 'group', ARGV[1], 'error', ARGV[4], 'attempts', ARGV[5], 'failed_at', ARGV[6])
local used = redis.call('MEMORY', 'USAGE', KEYS[2])
if used > tonumber(ARGV[8]) then
  local kept = math.floor(redis.call('XLEN', KEYS[2]) * 0.9 * ARGV[8] / used)
  redis.call('XTRIM', KEYS[2], 'MAXLEN', '=', math.max(kept, 1))
end
return 1
