-- Trims a stream that a group reads, forgets consumers that are gone, and takes back a group that stands after
-- all that its stream will hold: it would be given nothing.
--
-- KEYS[1]  the stream
-- KEYS[2]  delivered:{stream}
-- ARGV[1]  its group
-- ARGV[2]  ms that the stream keeps an entry
-- ARGV[3]  bytes of the stream
-- ARGV[4]  ms after which a consumer with nothing pending is forgotten
--
-- Reply: how many entries were trimmed.
--
-- A script and not MULTI, because an entry goes only when its group has acknowledged it. Groups of others
-- hold nothing: one that was forgotten would let the stream grow for ever.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local top = fields(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id']
for _, described in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = fields(described)
  for _, described_consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group['name'])) do
    local consumer = fields(described_consumer)
    if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[4]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group['name'], consumer['name'])
    end
  end
  if before(top, group['last-delivered-id']) then
    local delivered = group['name'] == ARGV[1] and kept_delivered(KEYS[2]) or '0-0'
    redis.call('XGROUP', 'SETID', KEYS[1], group['name'], before(top, delivered) and '0-0' or delivered)
  end
end
local used = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)
return trim_acknowledged(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), used)
