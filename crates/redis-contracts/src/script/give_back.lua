-- Gives back one of what was taken from each of these limits: the request did what it was let in for.
--
-- KEYS       rate_limit:{policy}:{subject}, one per limit
-- ARGV       three per limit, as in admit.lua: "rate", "day" or "month", how much it allows, and the window
--            of a rate in ms
--
-- Reply: how many of them had anything taken.
--
-- A script and not MULTI, because what is held decides. Sent twice, it gives back twice: who it is called for
-- has proven to be no stranger, so a limit may err that way. Nothing is ever given beyond what is allowed.

local given = 0
for index, key in ipairs(KEYS) do
  local at = 3 * index - 2
  local held = tonumber(redis.call('GET', key))
  if held then
    given = given + 1
    local each = ARGV[at] == 'rate' and tonumber(ARGV[at + 2]) * 1000 / tonumber(ARGV[at + 1]) or 1
    -- The expiry stays: it is that of the fuller state.
    redis.call('SET', key, string.format('%d', math.max(math.floor(held - each), 0)), 'KEEPTTL')
  end
end
return given
