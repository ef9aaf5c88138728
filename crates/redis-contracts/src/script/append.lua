-- Appends a batch of events onto the position before it, or answers the position held.
--
-- KEYS[1]    outbox:{producer}
-- KEYS[2]    the stream
-- KEYS[3..]  the timelines, one per event, in the order of the events; none for a stream without
-- ARGV[1]    position the batch goes on from
-- ARGV[2]    live channel; '' publishes nothing
-- ARGV[3]    ms that the stream keeps an entry
-- ARGV[4]    bytes of the stream
-- ARGV[5..7] how many entries a timeline keeps, bytes of it, ms until it expires when nothing is added
-- ARGV[8..]  three per event: position, topic, event JSON
--
-- Reply: {1, last position} when appended, {0, position held} when the stream is elsewhere, {2, its last ID} when
-- that stands in the way of the events, whoever appended it.
--
-- A script and not MULTI, because what is written depends on what is held. All that can fail is
-- checked before the first write: Redis does not roll a script back. Where Redis is full, the stream loses
-- its oldest, as trimming is allowed, and the next call may find room.

local HEAD, TIMELINE = 7, 5

-- How much is appended between two looks at what the stream takes: a look counts each of its nodes.
local LOOK_EVERY = 8 * 1024 * 1024

-- A stream this small does not fill a Redis; something else does.
local SMALL = 64 * 1024 * 1024

local about = redis.call('EXISTS', KEYS[2]) == 1 and fields(redis.call('XINFO', 'STREAM', KEYS[2]))
-- What XADD compares with: also the ID of an entry that was deleted since.
local stream_top = about and about['last-generated-id'] or '0-0'
-- Whoever wrote it there, what is no position is as good as none, and so is one beyond the stream: both are
-- written at once. Trimming leaves an empty stream; where there is none it was deleted, and is to be filled again.
local held = redis.pcall('GET', KEYS[1])
if type(held) ~= 'string' or not is_position(held) or before(stream_top, held) then
  held = stream_top
end
if held ~= ARGV[1] then
  return {0, held}
end

local events = (#ARGV - HEAD) / 3
if events == 0 then
  return {1, held}
end

local function position_of(index)
  return ARGV[HEAD + 3 * index - 2]
end

-- What somebody else has put at its end does no harm as long as it does not stand in the way.
if before(held, stream_top) and not before(stream_top, position_of(1)) then
  return {2, stream_top}
end
local last, bytes = held, 0
for index = 1, events do
  if not before(last, position_of(index)) then
    return redis.error_reply('UNSORTED positions do not grow: ' .. position_of(index) .. ' after ' .. last)
  end
  last = position_of(index)
  bytes = bytes + #ARGV[HEAD + 3 * index]
end

-- A timeline can hold more than the stream, when an operator deleted the stream alone. One that holds
-- something later without this event is of no use, nor is what is no timeline at all: SQL has it.
local function is_useless(timeline, position, top)
  return not top or not before(top, position) and #redis.call('XRANGE', timeline, position, position) == 0
end

local timeline_top, useless = {}, {}
for index = 1, events do
  local timeline = KEYS[2 + index]
  if timeline and not timeline_top[timeline] then
    local described = redis.call('EXISTS', timeline) == 1 and redis.pcall('XINFO', 'STREAM', timeline)
    local top = described and fields(described)['last-generated-id']
    if described and is_useless(timeline, position_of(index), top) then
      useless[#useless + 1], top = timeline, nil
    end
    timeline_top[timeline] = top or '0-0'
  end
end

-- Whether these events go past one of the marks at which the stream is looked at.
local function is_time_to_look()
  local added = about and about['entries-added'] or 0
  local every = math.max(math.floor(LOOK_EVERY * events / bytes), 1)
  return math.floor((added + events) / every) > math.floor(added / every)
end

local function show(timeline, position, topic, event, previous)
  if before(timeline_top[timeline], position) then
    add_to_timeline(timeline, position, event, ARGV, TIMELINE)
  end
  if ARGV[2] ~= '' then
    redis.call('PUBLISH', ARGV[2], '{"topic":"' .. topic .. '","position":"' .. position ..
      '","previous":"' .. previous .. '","event":' .. event .. '}')
  end
end

-- A full Redis refuses the first write of a script, if that one may need room, and none after it.
local room = redis.pcall('SET', KEYS[1], held)
redis.call('XTRIM', KEYS[2], 'MINID', '~', oldest_kept(tonumber(ARGV[3]), last))
if room.err then
  bound_bytes(KEYS[2], SMALL)
  return redis.error_reply(room.err)
end
if is_time_to_look() then
  bound_bytes(KEYS[2], tonumber(ARGV[4]))
end
if #useless > 0 then
  redis.call('UNLINK', unpack(useless))
end
local previous = held
for index = 1, events do
  local position, event = position_of(index), ARGV[HEAD + 3 * index]
  redis.call('XADD', KEYS[2], position, 'event', event)
  local timeline = KEYS[2 + index]
  if timeline then
    show(timeline, position, ARGV[HEAD + 3 * index - 1], event, previous)
  end
  previous = position
end
redis.call('SET', KEYS[1], last)
return {1, last}
