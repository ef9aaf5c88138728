-- Appends what a person makes of a reply: a rating or an interaction.
--
-- KEYS[1]  idempotency:{user_id}:{sha256}
-- KEYS[2]  ai:reply:{message_id}
-- KEYS[3]  ai:conversation:{id}
-- KEYS[4]  the stream
-- ARGV[1]  hash of the request
-- ARGV[2]  seconds an idempotency key is remembered
-- ARGV[3]  user id
-- ARGV[4]  event id
-- ARGV[5]  the event
-- ARGV[6]  message id
-- ARGV[7]  words of the rating, JSON; '' for none
-- ARGV[8]  group of the stream
-- ARGV[9]  ms that the stream keeps an entry
-- ARGV[10] bytes of the stream
--
-- Reply: {'recorded', event id and position}, {'replayed', those of the first time}, {'mismatch', ''}
-- when the key stands for another request, {'missing', ''} when the reply is not the person's, {'full',
-- stream} when the stream takes no more until its group has read on, {'broken', stream} when it takes no
-- entries at all until it is repaired.
--
-- A script and not MULTI, because what is held decides. Sent again, it finds the key and appends
-- nothing.

mend_type(KEYS[1], 'string')
mend_type(KEYS[2], 'hash')
mend_type(KEYS[3], 'hash')
local first = redis.call('GET', KEYS[1])
if first then
  local request, answer = string.match(first, '^([^\n]*)\n(.*)$')
  if request ~= ARGV[1] then
    return {'mismatch', ''}
  end
  return {'replayed', answer}
end
if redis.call('HGET', KEYS[2], 'user_id') ~= ARGV[3] then
  return {'missing', ''}
end
if not takes_entries(KEYS[4]) then
  return {'broken', KEYS[4]}
end
if not has_room(KEYS[4], ARGV[8], ARGV[9], tonumber(ARGV[10])) then
  return {'full', KEYS[4]}
end
local has_conversation = redis.call('HLEN', KEYS[3]) > 0
local position = redis.call('XADD', KEYS[4], '*', 'event', ARGV[5])
if ARGV[7] ~= '' and has_conversation then
  redis.call('HSET', KEYS[3], 'comment:' .. ARGV[6], ARGV[7])
end
local answer = ARGV[4] .. ' ' .. position
redis.call('SET', KEYS[1], ARGV[1] .. '\n' .. answer, 'EX', ARGV[2])
return {'recorded', answer}
