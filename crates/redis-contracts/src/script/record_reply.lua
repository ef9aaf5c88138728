-- Records a reply of the mentor: the reply, the conversation, and every event of it at once.
--
-- KEYS[1]  idempotency:{user_id}:{sha256}
-- KEYS[2]  ai:reply:{message_id}
-- KEYS[3]  ai:conversation:{id}
-- KEYS[4]  ai:conversations:{user_id}
-- KEYS[5]  ai:memory:{user_id}
-- KEYS[6]  ai:events
-- KEYS[7]  user:interactions
-- KEYS[8]  ai:adaptations
-- KEYS[9]  stream:devmentor:user:{id}
-- ARGV[1]  hash of the request
-- ARGV[2]  the answer to give to this idempotency key again
-- ARGV[3]  seconds an idempotency key is remembered
-- ARGV[4]  seconds a reply, a conversation and the memory are kept
-- ARGV[5]  fields of the reply, JSON list
-- ARGV[6]  user id
-- ARGV[7]  conversation id
-- ARGV[8]  what was asked, JSON
-- ARGV[9]  the reply, JSON
-- ARGV[10] how many messages a conversation keeps
-- ARGV[11] now, Unix ms
-- ARGV[12] mentor.replied event
-- ARGV[13] interaction.recorded event
-- ARGV[14] version of the profile that chose the style
-- ARGV[15] mentor.adapted event up to the number of the version before
-- ARGV[16] lowest ID that ai:adaptations still keeps
-- ARGV[17] how many entries a person's stream keeps
-- ARGV[18] live channel
-- ARGV[19] topic
-- ARGV[20] '1' when the conversation goes on, '' when it begins
-- ARGV[21..] two per project that was told of: field of the memory, position
--
-- Reply: {'recorded', ''}, {'replayed', the first answer}, {'mismatch', ''} when the key stands for
-- another request, {'foreign', ''} when the conversation that goes on is not there, or not theirs.
--
-- A script and not MULTI, because what is held decides. Sent again, it finds the key and writes
-- nothing.

local function before(a, b)
  local a_ms, a_sequence = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_sequence = string.match(b, '^(%d+)-(%d+)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_sequence) < tonumber(b_sequence))
end

local first = redis.call('GET', KEYS[1])
if first then
  local request, answer = string.match(first, '^([^\n]*)\n(.*)$')
  if request ~= ARGV[1] then
    return {'mismatch', ''}
  end
  return {'replayed', answer}
end
local owner = redis.call('HGET', KEYS[3], 'user_id')
if (owner or ARGV[20] == '1') and owner ~= ARGV[6] then
  return {'foreign', ''}
end
local version_before = tonumber(redis.call('HGET', KEYS[5], 'profile_version') or 0)
-- A page of theirs may have seen more meanwhile.
local further = {}
for index = 21, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[5], ARGV[index])
  if not held or before(held, ARGV[index + 1]) then
    further[#further + 1] = ARGV[index]
    further[#further + 1] = ARGV[index + 1]
  end
end
redis.call('ZCARD', KEYS[4])
redis.call('HLEN', KEYS[2])
for index = 6, 9 do
  redis.call('XLEN', KEYS[index])
end
local newest = redis.call('XREVRANGE', KEYS[9], '+', '-', 'COUNT', 1)

redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. ARGV[2], 'EX', ARGV[3])
redis.call('HSET', KEYS[2], unpack(cjson.decode(ARGV[5])))
redis.call('EXPIRE', KEYS[2], ARGV[4])

local count = redis.call('HINCRBY', KEYS[3], 'count', 2)
redis.call('HSET', KEYS[3], 'user_id', ARGV[6], 'message:' .. (count - 1), ARGV[8], 'message:' .. count, ARGV[9])
for dropped = count - tonumber(ARGV[10]) - 1, count - tonumber(ARGV[10]) do
  if dropped > 0 then
    local text = redis.call('HGET', KEYS[3], 'message:' .. dropped)
    local message_id = text and string.match(text, '"message_id":"([%x-]+)"')
    redis.call('HDEL', KEYS[3], 'message:' .. dropped, 'comment:' .. (message_id or ''))
  end
end
redis.call('EXPIRE', KEYS[3], ARGV[4])
redis.call('ZADD', KEYS[4], ARGV[11], ARGV[7])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', '(' .. (tonumber(ARGV[11]) - 1000 * tonumber(ARGV[4])))
redis.call('EXPIRE', KEYS[4], ARGV[4])

redis.call('XADD', KEYS[6], '*', 'event', ARGV[12])
redis.call('XADD', KEYS[7], '*', 'event', ARGV[13])

if tonumber(ARGV[14]) > version_before then
  redis.call('HSET', KEYS[5], 'profile_version', ARGV[14])
  local event = ARGV[15] .. string.format('%.0f', version_before) .. '}}'
  redis.call('XADD', KEYS[8], 'MINID', '~', ARGV[16], '*', 'event', event)
  local position = redis.call('XADD', KEYS[9], 'MAXLEN', '=', ARGV[17], '*', 'event', event)
  redis.call('PUBLISH', ARGV[18], '{"topic":"' .. ARGV[19] .. '","position":"' .. position ..
    '","previous":"' .. (newest[1] and newest[1][1] or '0-0') .. '","event":' .. event .. '}')
end
if #further > 0 then
  redis.call('HSET', KEYS[5], unpack(further))
end
redis.call('EXPIRE', KEYS[5], ARGV[4])
return {'recorded', ''}
