-- Trims a stream and forgets consumers that are gone.
--
-- KEYS[1]  the stream
-- ARGV[1]  lowest ID that is young enough to be kept
-- ARGV[2]  ms after which a consumer with nothing pending is forgotten
-- ARGV[3]  a group without which nothing is trimmed
--
-- Reply: how many entries were trimmed.
--
-- A script and not MULTI, because an entry goes only when every group has acknowledged it.

local function fields(list)
  local found = {}
  for index = 1, #list, 2 do
    found[list[index]] = list[index + 1]
  end
  return found
end

local function before(a, b)
  local a_ms, a_sequence = string.match(a, '^(%d+)-?(%d*)$')
  local b_ms, b_sequence = string.match(b, '^(%d+)-?(%d*)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and (tonumber(a_sequence) or 0) < (tonumber(b_sequence) or 0))
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local lowest, is_read = ARGV[1], false
for _, described in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = fields(described)
  is_read = is_read or group['name'] == ARGV[3]
  local pending = redis.call('XPENDING', KEYS[1], group['name'])
  local needed = pending[1] > 0 and pending[2] or group['last-delivered-id']
  if before(needed, lowest) then
    lowest = needed
  end
  for _, described_consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], group['name'])) do
    local consumer = fields(described_consumer)
    if consumer['pending'] == 0 and consumer['idle'] > tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], group['name'], consumer['name'])
    end
  end
end
if not is_read then
  return 0
end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', lowest)
