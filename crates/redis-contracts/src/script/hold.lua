-- Lengthens a consumer's hold on entries of a group: others take over only what was left idle for long.
--
-- KEYS[1]  the stream
-- ARGV[1]  group
-- ARGV[2]  consumer
-- ARGV[3..]  IDs
--
-- Reply: the IDs that it still holds.
--
-- A script and not MULTI, because what another consumer has taken over meanwhile stays with that one. It is
-- no delivery, and is not counted as one.

local held = {}
for index = 3, #ARGV do
  local id = ARGV[index]
  if #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2]) == 1
    and #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID') == 1 then
    held[#held + 1] = id
  end
end
return held
