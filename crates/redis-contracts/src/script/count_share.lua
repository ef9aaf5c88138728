-- Counts what a person has added in a UTC day. Each process has a field of its own, with all that it has
-- counted in that day, and is answered the sum of all.
--
-- KEYS[1]  share:{share}:{user}
-- ARGV[1]  the UTC day that is counted, in days since 1970
-- ARGV[2]  the field
-- ARGV[3]  bytes of that day; 0 only looks
--
-- Reply: {Unix ms, bytes of all}; the first alone when it is another day by the clock of Redis
--
-- A script and not MULTI, because the day is that of Redis: the key ends with it. Sent twice, or late, it
-- changes nothing: what is said is how much there is in all, and a field only grows.

local DAY_MS = 86400000

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local day = math.floor(now_ms / DAY_MS)
if day ~= tonumber(ARGV[1]) then
  return {now_ms}
end

-- What is no hash is nothing that was counted.
local key_type = redis.call('TYPE', KEYS[1]).ok
if key_type ~= 'hash' and key_type ~= 'none' then
  redis.call('DEL', KEYS[1])
end
local held = tonumber(redis.call('HGET', KEYS[1], ARGV[2])) or 0
if tonumber(ARGV[3]) > held then
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', (day + 1) * DAY_MS))
local sum = 0
for _, bytes in ipairs(redis.call('HVALS', KEYS[1])) do
  sum = sum + (tonumber(bytes) or 0)
end
return {now_ms, sum}
