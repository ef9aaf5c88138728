-- Trims a stream that a group reads, and forgets consumers that are gone.
--
-- KEYS[1]  the stream
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
for _, described in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = fields(described)['name']
  for _, described_consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group)) do
    local consumer = fields(described_consumer)
    if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[4]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group, consumer['name'])
    end
  end
end
local used = redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0)
return trim_acknowledged(KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), used)
