-- Counts a wrong password, and locks when there were too many different ones.
--
-- KEYS[1]  login_failures:{sha256 email}:{origin}
-- KEYS[2]  locked:{sha256 email}:{origin}
-- ARGV[1]  truncated keyed hash of the password, hexadecimal
-- ARGV[2]  how many different ones lock
-- ARGV[3]  ms the failures are remembered, and the lock holds
-- ARGV[4]  Unix ms before which failures are void
-- ARGV[5]  now, Unix ms
-- ARGV[6]  an id of this call, the same when it is sent again
--
-- Reply: 1 when this one locked, else 0.
--
-- The same wrong password again counts once: a mail program that was not told of a new password
-- must not lock its owner out. A script and not MULTI, because the count decides. Sent twice, it
-- counts once and answers the same: a lock bears the id of the call that made it.

local held = redis.call('GET', KEYS[2])
if held and string.match(held, ' (%S+)$') == ARGV[6] then
  return 1
end

local seen = {}
local since
for word in string.gmatch(redis.call('GET', KEYS[1]) or '', '%S+') do
  if not since then
    since = word
  else
    seen[#seen + 1] = word
  end
end
if not since or tonumber(since) < tonumber(ARGV[4]) then
  since, seen = ARGV[5], {}
end
for _, hash in ipairs(seen) do
  if hash == ARGV[1] then
    return 0
  end
end
seen[#seen + 1] = ARGV[1]
if #seen >= tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[5] .. ' ' .. ARGV[6], 'PX', ARGV[3])
  return 1
end
redis.call('SET', KEYS[1], since .. ' ' .. table.concat(seen, ' '), 'PX', ARGV[3])
return 0
