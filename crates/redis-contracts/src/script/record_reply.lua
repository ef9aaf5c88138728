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
-- ARGV[11] bytes that a person's conversations take at most
-- ARGV[12] mentor.replied event
-- ARGV[13] interaction.recorded event
-- ARGV[14] version of the profile that chose the style
-- ARGV[15] mentor.adapted event up to the number of the version before
-- ARGV[16] live channel
-- ARGV[17] topic
-- ARGV[18..20] how many entries the person's timeline keeps, bytes of it, ms until it expires
-- ARGV[21..23] ms that ai:events, user:interactions and ai:adaptations keep an entry
-- ARGV[24] bytes of each
-- ARGV[25] group of the first two
-- ARGV[26] '1' when the conversation goes on, '' when it begins
-- ARGV[27..] two per project that was shown: field of the memory, position
--
-- Reply: {'recorded', ''}, {'replayed', the first answer}, {'mismatch', ''} when the key stands for
-- another request, {'foreign', ''} when the conversation that goes on is not there, or not theirs, {'full',
-- stream} when a stream takes no more until its group has read on, {'broken', stream} when it takes no entries
-- at all until it is repaired.
--
-- A script and not MULTI, because what is held decides. Sent again, it finds the key and writes
-- nothing. All that can fail is checked before anything is recorded: Redis does not roll a script back.

local TIMELINE, STREAM_BYTES, SEEN = 18, tonumber(ARGV[24]), 27

-- A sum of bytes: below zero where it began anew while older messages were still held.
local SUM = '^%-?%d+$'

-- What a message takes beside its text, with its share of what is kept of the reply.
local MESSAGE_BYTES = 300

-- Conversations that make room for one reply at most: Redis serves nobody else meanwhile.
local FORGOTTEN_AT_ONCE = 200

-- Who has had answers of so many bytes remembered in a day has the next ones remembered for a minute.
local ANSWER_BYTES, ANSWER_SECONDS = 8 * 1024 * 1024, 60

-- A key of another type that somebody has put in place of one of a person's is as good as none.
mend_type(KEYS[1], 'string')
for _, hash in ipairs({KEYS[2], KEYS[3], KEYS[5]}) do
  mend_type(hash, 'hash')
end
mend_type(KEYS[4], 'zset')
local first = redis.call('GET', KEYS[1])
if first then
  local request, answer = string.match(first, '^([^\n]*)\n(.*)$')
  if request ~= ARGV[1] then
    return {'mismatch', ''}
  end
  return {'replayed', answer}
end
local about = redis.call('HMGET', KEYS[3], 'user_id', 'count', 'bytes')
local owner, count = about[1], about[2] or '0'
if (owner or ARGV[26] == '1') and owner ~= ARGV[6] then
  return {'foreign', ''}
end
if not is_count(count) then
  return unreadable(KEYS[3], 'count')
end
if about[3] and not string.match(about[3], SUM) then
  return unreadable(KEYS[3], 'bytes')
end
local memory = redis.call('HMGET', KEYS[5], 'profile_version', 'conversation_bytes', 'answers')
for index, expected in ipairs({ { 'profile_version', '^%d+$' }, { 'conversation_bytes', SUM }, { 'answers', '^%d+ %d+$' } }) do
  local field, pattern = unpack(expected)
  if memory[index] and not string.match(memory[index], pattern) then
    return unreadable(KEYS[5], field)
  end
end
local version_before, kept_bytes = tonumber(memory[1] or 0), tonumber(memory[2] or 0)
-- A page of theirs may have seen more meanwhile.
local further = {}
for index = SEEN, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[5], ARGV[index])
  if held and not parse(held) then
    return unreadable(KEYS[5], ARGV[index])
  end
  if not held or before(held, ARGV[index + 1]) then
    further[#further + 1] = ARGV[index]
    further[#further + 1] = ARGV[index + 1]
  end
end
for index = 6, 7 do
  local stream = KEYS[index]
  if not takes_entries(stream) then
    return {'broken', stream}
  end
  if not has_room(stream, ARGV[25], ARGV[15 + index], STREAM_BYTES) then
    return {'full', stream}
  end
end
mend(KEYS[8])
mend(KEYS[9])
local newest = redis.call('XREVRANGE', KEYS[9], '+', '-', 'COUNT', 1)
local now = now_ms()

-- How long the answer is remembered, and what is remembered of it.
local function remember_answer()
  local day, bytes = string.match(memory[3] or '', '^(%d+) (%d+)$')
  local today = math.floor(now / 86400000)
  local before_it = tonumber(day) == today and tonumber(bytes) or 0
  local seconds = before_it > ANSWER_BYTES and ANSWER_SECONDS or ARGV[3]
  redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. ARGV[2], 'EX', seconds)
  redis.call('HSET', KEYS[5], 'answers', string.format('%.0f %.0f', today, before_it + #ARGV[2]))
end

-- The reply that a message is, if it is one.
local function reply_of(message)
  local id = string.match(message, '"message_id":"([%x-]+)"')
  return id and string.gsub(KEYS[2], '[%x-]+$', id), id
end

local function message_field(number)
  return 'message:' .. string.format('%.0f', number)
end

local function drop_message(number)
  local field = message_field(number)
  local message = redis.call('HGET', KEYS[3], field)
  if not message then
    return 0
  end
  local reply, message_id = reply_of(message)
  if reply then
    redis.call('UNLINK', reply)
  end
  redis.call('HDEL', KEYS[3], field, 'comment:' .. (message_id or ''))
  return #message + MESSAGE_BYTES
end

-- Adds what was asked and replied to the conversation; answers by how many bytes it has grown.
local function converse()
  local last = tonumber(count) + 2
  local oldest = last - tonumber(ARGV[10])
  local grown = #ARGV[8] + #ARGV[9] + 2 * MESSAGE_BYTES - drop_message(oldest - 1) - drop_message(oldest)
  redis.call('HSET', KEYS[3], 'user_id', ARGV[6], 'count', string.format('%.0f', last),
    'bytes', string.format('%.0f', tonumber(about[3] or 0) + grown),
    message_field(last - 1), ARGV[8], message_field(last), ARGV[9])
  redis.call('EXPIRE', KEYS[3], ARGV[4])
  redis.call('ZADD', KEYS[4], now, ARGV[7])
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', '(' .. string.format('%.0f', now - 1000 * ARGV[4]))
  redis.call('EXPIRE', KEYS[4], ARGV[4])
  return grown
end

local function conversation_key(id)
  return (string.gsub(KEYS[3], '[%x-]+$', id))
end

local function bytes_of(id)
  return tonumber(redis.pcall('HGET', conversation_key(id), 'bytes') or 0) or 0
end

local function forget(id)
  for _, value in ipairs(redis.pcall('HVALS', conversation_key(id))) do
    local reply = reply_of(value)
    if reply then
      redis.call('UNLINK', reply)
    end
  end
  redis.call('UNLINK', conversation_key(id))
  redis.call('ZREM', KEYS[4], id)
end

-- The oldest conversations of a person make room for the newest; answers what they still take. Those that
-- have ended by themselves are in the sum, so that it is made anew first.
local function bound_conversations(most)
  local ids, kept = redis.call('ZRANGE', KEYS[4], 0, -1), 0
  for _, id in ipairs(ids) do
    kept = kept + bytes_of(id)
  end
  for index = 1, math.min(#ids, FORGOTTEN_AT_ONCE) do
    if kept <= 0.9 * most then
      break
    end
    if ids[index] ~= ARGV[7] then
      kept = kept - bytes_of(ids[index])
      forget(ids[index])
    end
  end
  return kept
end

remember_answer()
redis.call('HSET', KEYS[2], unpack(cjson.decode(ARGV[5])))
redis.call('EXPIRE', KEYS[2], ARGV[4])
kept_bytes = kept_bytes + converse()
if kept_bytes > tonumber(ARGV[11]) then
  kept_bytes = bound_conversations(tonumber(ARGV[11]))
end
redis.call('HSET', KEYS[5], 'conversation_bytes', string.format('%.0f', kept_bytes))

redis.call('XADD', KEYS[6], '*', 'event', ARGV[12])
redis.call('XADD', KEYS[7], '*', 'event', ARGV[13])
if tonumber(ARGV[14]) > version_before then
  redis.call('HSET', KEYS[5], 'profile_version', ARGV[14])
  local event = ARGV[15] .. string.format('%.0f', version_before) .. '}}'
  add_to_log(KEYS[8], ARGV[23], STREAM_BYTES, event)
  local position = add_to_timeline(KEYS[9], '*', event, ARGV, TIMELINE)
  redis.call('PUBLISH', ARGV[16], '{"topic":"' .. ARGV[17] .. '","position":"' .. position ..
    '","previous":"' .. (newest[1] and newest[1][1] or '0-0') .. '","event":' .. event .. '}')
end
if #further > 0 then
  redis.call('HSET', KEYS[5], unpack(further))
end
redis.call('EXPIRE', KEYS[5], ARGV[4])
return {'recorded', ''}
