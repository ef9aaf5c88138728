-- Appends a batch of events onto the position before it, or answers the position held.
--
-- KEYS[1]    outbox:{producer}
-- KEYS[2]    the stream
-- KEYS[3..]  the timelines, one per event, in the order of the events; none for a stream without
-- ARGV[1]    position the batch goes on from
-- ARGV[2]    live channel; '' publishes nothing
-- ARGV[3]    ms that the stream keeps an entry
-- ARGV[4]    bytes of the stream
-- ARGV[5]    how many entries a timeline keeps
-- ARGV[6]    bytes of a timeline
-- ARGV[7]    ms until a timeline expires that nothing is added to
-- ARGV[8..]  three per event: position, topic, event JSON
--
-- Reply: {1, last position} when appended, {0, position held} when the stream is elsewhere.
--
-- A script and not MULTI, because what is written depends on what is held. All that can fail is
-- checked before the first write: Redis does not roll a script back. Where Redis is full, the stream loses
-- its oldest, as trimming is allowed, and the next call may find room.

local HEAD = 7

-- Entries trimmed in one call: Redis serves nobody else meanwhile.
local TRIMMED_AT_ONCE = 1000

-- A stream this small does not fill a Redis; something else does.
local SMALL = 64 * 1024 * 1024

local function before(a, b)
  local a_ms, a_seq = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_seq = string.match(b, '^(%d+)-(%d+)$')
  a_ms, a_seq, b_ms, b_seq = tonumber(a_ms), tonumber(a_seq), tonumber(b_ms), tonumber(b_seq)
  return a_ms < b_ms or (a_ms == b_ms and a_seq < b_seq)
end

-- What XADD compares with: also the ID of an entry that was deleted since.
local function top_of(stream)
  if redis.call('EXISTS', stream) == 0 then
    return '0-0'
  end
  local about = redis.call('XINFO', 'STREAM', stream)
  for index = 1, #about, 2 do
    if about[index] == 'last-generated-id' then
      return about[index + 1]
    end
  end
end

local stream_top = top_of(KEYS[2])
local held = redis.call('GET', KEYS[1]) or stream_top
if held ~= ARGV[1] then
  return {0, held}
end
if before(held, stream_top) then
  return redis.error_reply('FOREIGN the stream holds ' .. stream_top .. ', which its producer did not append')
end

local events = (#ARGV - HEAD) / 3
local timeline_top, last = {}, held
for index = 1, events do
  local timeline, position = KEYS[2 + index], ARGV[HEAD + 3 * index - 2]
  if not before(last, position) then
    return redis.error_reply('UNSORTED positions do not grow: ' .. position .. ' after ' .. last)
  end
  last = position
  if timeline and not timeline_top[timeline] then
    timeline_top[timeline] = top_of(timeline)
  end
end

-- Drops the oldest entries of a stream that holds more than about so many bytes. MEMORY USAGE looks at
-- some entries alone, so that this is no more than an estimate.
local function bound(stream, bytes)
  local used = redis.call('MEMORY', 'USAGE', stream)
  if used and used > bytes then
    local length = redis.call('XLEN', stream)
    local kept = math.max(math.floor(length * bytes / used * 0.9), length - TRIMMED_AT_ONCE)
    redis.call('XTRIM', stream, 'MAXLEN', '=', kept)
  end
end

local function trim_old()
  local now = redis.call('TIME')
  local now_ms = tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000)
  redis.call('XTRIM', KEYS[2], 'MINID', '~', string.format('%.0f', now_ms - tonumber(ARGV[3])))
end

local function show(timeline, position, topic, event, previous)
  -- A timeline can hold more than the stream when an operator deleted the stream alone.
  if before(timeline_top[timeline], position) then
    redis.call('XADD', timeline, 'MAXLEN', '=', ARGV[5], position, 'event', event)
  end
  redis.call('PEXPIRE', timeline, ARGV[7])
  if ARGV[2] ~= '' then
    redis.call('PUBLISH', ARGV[2], '{"topic":"' .. topic .. '","position":"' .. position ..
      '","previous":"' .. previous .. '","event":' .. event .. '}')
  end
end

if events == 0 then
  return {1, held}
end
-- A full Redis refuses the first write of a script, if that one may need room, and none after it.
local room = redis.pcall('SET', KEYS[1], held)
if room.err then
  trim_old()
  bound(KEYS[2], SMALL)
  return redis.error_reply(room.err)
end
trim_old()
bound(KEYS[2], tonumber(ARGV[4]))
local previous = held
for index = 1, events do
  local at = HEAD + 3 * index - 2
  local position, event = ARGV[at], ARGV[at + 2]
  redis.call('XADD', KEYS[2], position, 'event', event)
  local timeline = KEYS[2 + index]
  if timeline then
    show(timeline, position, ARGV[at + 1], event, previous)
  end
  previous = position
end
-- What so many entries of the usual size hold is within the bound anyhow.
local usual = tonumber(ARGV[6]) / tonumber(ARGV[5])
for index = 1, events do
  if KEYS[2 + index] and #ARGV[HEAD + 3 * index] > usual then
    bound(KEYS[2 + index], tonumber(ARGV[6]))
  end
end
redis.call('SET', KEYS[1], previous)
return {1, previous}
