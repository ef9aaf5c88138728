-- Appends a batch of events onto the position before it, or answers the position held.
--
-- KEYS[1]    outbox:{producer}
-- KEYS[2]    the stream
-- KEYS[3..]  the timelines, one per event, in the order of the events; none for a stream without
-- ARGV[1]    position the batch goes on from
-- ARGV[2]    live channel, for a stream with timelines
-- ARGV[3]    lowest ID the stream still keeps
-- ARGV[4]    how many entries a timeline keeps
-- ARGV[5..]  four per event: position, topic, event JSON, ms until the timeline expires (0: never)
--
-- Reply: {1, last position} when appended, {0, position held} when the stream is elsewhere.
--
-- A script and not MULTI, because what is written depends on what is held. All that can fail is
-- checked before the first write: Redis does not roll a script back.

local function before(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  a_ms, a_seq, b_ms, b_seq = tonumber(a_ms), tonumber(a_seq), tonumber(b_ms), tonumber(b_seq)
  return a_ms < b_ms or (a_ms == b_ms and a_seq < b_seq)
end

local function top_of(stream)
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  return newest[1] and newest[1][1] or '0-0'
end

local stream_top = top_of(KEYS[2])
local held = redis.call('GET', KEYS[1]) or stream_top
if held ~= ARGV[1] then
  return {0, held}
end
if before(held, stream_top) then
  return redis.error_reply('FOREIGN the stream holds ' .. stream_top .. ', which its producer did not append')
end

local events = (#ARGV - 4) / 4
local timeline_top, last = {}, held
for index = 1, events do
  local timeline, position = KEYS[2 + index], ARGV[1 + index * 4]
  if not before(last, position) then
    return redis.error_reply('UNSORTED positions do not grow: ' .. position .. ' after ' .. last)
  end
  last = position
  if timeline and not timeline_top[timeline] then
    timeline_top[timeline] = top_of(timeline)
  end
end

local function show(timeline, position, topic, event, expire_ms, previous)
  -- A timeline can hold more than the stream when an operator deleted the stream alone.
  if before(timeline_top[timeline], position) then
    redis.call('XADD', timeline, 'MAXLEN', '=', ARGV[4], position, 'event', event)
  end
  if expire_ms > 0 then
    redis.call('PEXPIRE', timeline, expire_ms)
  end
  redis.call('PUBLISH', ARGV[2], '{"topic":"' .. topic .. '","position":"' .. position ..
    '","previous":"' .. previous .. '","event":' .. event .. '}')
end

local previous = held
for index = 1, events do
  local at = 1 + index * 4
  local position, event = ARGV[at], ARGV[at + 2]
  redis.call('XADD', KEYS[2], 'MINID', '~', ARGV[3], position, 'event', event)
  local timeline = KEYS[2 + index]
  if timeline then
    show(timeline, position, ARGV[at + 1], event, tonumber(ARGV[at + 3]), previous)
  end
  previous = position
end
redis.call('SET', KEYS[1], previous)
return {1, previous}
