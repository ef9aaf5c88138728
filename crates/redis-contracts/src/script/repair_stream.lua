-- Takes out of a stream what stands in the way of its producer: entries above an ID that the producer has not
-- appended, and the ID that Redis remembers of them. They become dead letters. What is no stream at all goes.
--
-- KEYS[1]  the stream
-- KEYS[2]  dlq:{stream}
-- KEYS[3]  outbox:{producer}; none for a stream whose IDs Redis gives
-- ARGV[1]  the highest ID that is the producer's; '' for a stream whose IDs Redis gives: a minute from now
-- ARGV[2]  now, RFC 3339
-- ARGV[3]  how many dead letters are kept
--
-- Reply: {how many entries were taken out, 1 when that was all, else 0}
--
-- A script and not MULTI, because what is held decides. Sent again, it finds less to do.

local TAKEN_AT_ONCE = 1000

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {0, 1}
end
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
  redis.call('UNLINK', KEYS[1])
  return {0, 1}
end
mend(KEYS[2])

local function stream_top()
  return fields(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id']
end

-- Another process of the producer may have gone on meanwhile: what it appended is the producer's as well.
local function highest_own()
  if ARGV[1] == '' then
    return string.format('%.0f-0', now_ms() + 60000)
  end
  local held = redis.pcall('GET', KEYS[3])
  local is_further = type(held) == 'string' and is_position(held) and before(ARGV[1], held)
  return is_further and not before(stream_top(), held) and held or ARGV[1]
end

-- The event of an entry; all its fields as JSON where there is none.
local function kept(entry)
  local held = fields(entry)
  return held['event'] or cjson.encode(held)
end

local highest = highest_own()
local groups = {}
for _, described in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  groups[#groups + 1] = fields(described)
end
local foreign = redis.call('XRANGE', KEYS[1], '(' .. highest, '+', 'COUNT', TAKEN_AT_ONCE)
for _, entry in ipairs(foreign) do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[3], '*', 'event', kept(entry[2]), 'source_stream', KEYS[1],
    'source_id', entry[1], 'group', '-', 'error', 'it was not appended by the producer of the stream',
    'attempts', '0', 'failed_at', ARGV[2])
  redis.call('XDEL', KEYS[1], entry[1])
  for _, group in ipairs(groups) do
    redis.call('XACK', KEYS[1], group['name'], entry[1])
  end
end
if #foreign == TAKEN_AT_ONCE then
  return {#foreign, 0}
end

local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local last = newest and newest[1] or '0-0'
-- Where a group has read to, when it seems to have read what nobody appended. As long as that was in the way
-- nothing else came; where somebody else took it away since, what came is not known: the group reads all again.
local read_to = '0-0'
if before(highest, stream_top()) then
  redis.call('XSETID', KEYS[1], last)
  read_to = last
end
for _, group in ipairs(groups) do
  if before(highest, group['last-delivered-id']) then
    redis.call('XGROUP', 'SETID', KEYS[1], group['name'], read_to)
  end
end
if KEYS[3] and not newest then
  -- It is filled in again from the beginning.
  redis.call('UNLINK', KEYS[1], KEYS[3])
elseif KEYS[3] then
  redis.call('SET', KEYS[3], last)
end
return {#foreign, 1}
