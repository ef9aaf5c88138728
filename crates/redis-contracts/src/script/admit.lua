-- Decides over one request by all its limits at once, and takes from all of them or from none.
--
-- KEYS[1]    locked:{sha256 email}:{origin}; any key that is not there when ARGV[1] is 0
-- KEYS[2..]  rate_limit:{policy}:{subject}, one per limit
-- ARGV[1]    1 when KEYS[1] is to be looked at
-- ARGV[2]    Unix ms before which a lock is void
-- ARGV[3]    how much to take from each limit; 0 only looks
-- ARGV[4..]  three per limit: "rate", "day" or "month", how much it allows, and the window of a rate in ms
--
-- Reply: {ms the lock still holds or 0, then three per limit: 1 when it admits else 0, what is left,
--         ms until more is there: one of a rate, all of a day or month}
--
-- Rates are GCRA (ITU-T I.371): the state is the theoretical arrival time in Unix microseconds,
-- rounded down so that nobody gets less than is allowed. Days and months are those of UTC, by the clock
-- of Redis: whoever asks may have a wrong one, by which a quota would end at once or not for days.
-- A lock answers before any limit is touched. A script and not MULTI, because nothing may be taken
-- from one limit when another refuses. Sent twice, it takes twice: a limit may only err that way.
--
-- Most of its time goes into calls and into numbers as text, so there is one read for all keys.

local held = redis.call('MGET', unpack(KEYS))

if ARGV[1] == '1' and held[1] then
  local since = tonumber(string.match(held[1], '^%d+'))
  if since and since >= tonumber(ARGV[2]) then
    local left_ms = redis.call('PTTL', KEYS[1])
    if left_ms > 0 then
      return {left_ms}
    end
  end
end

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local cost = tonumber(ARGV[3])
local floor, ceil, max = math.floor, math.ceil, math.max

-- Whether it admits, what is left, ms until more is there, and the state after it.
local function rate(state, allows, window_us)
  local each_us = window_us / allows
  local used_us = max((tonumber(state) or 0) - now_us, 0)
  local after_us = used_us + each_us * cost
  local admits = after_us <= window_us
  if admits then
    used_us = after_us
  end
  -- When what was asked for will be there; having got it, when the next one will.
  local wait_us = (admits and used_us + each_us or after_us) - window_us
  return admits, floor((window_us - used_us) / each_us + 1e-6), ceil(wait_us / 1000), now_us + floor(used_us)
end

-- Unix ms at which the day or the month ends. Years begin in March here, four of them at a time from
-- 2000 on, so that the odd day is the last one; right until 2100.
local function quota_ends(window)
  local day = floor(now_us / 86400e6)
  if window == 'day' then
    return (day + 1) * 86400000
  end
  local in_four = (day - 11017) % 1461
  local in_year = in_four - 365 * math.min(floor(in_four / 365), 3)
  local month = floor((5 * in_year + 2) / 153)
  local next_month = floor((153 * (month + 1) + 2) / 5)
  if month == 11 then
    next_month = in_four >= 1095 and 366 or 365
  end
  return (day - in_year + next_month) * 86400000
end

local function quota(state, allows, ends_ms)
  local used = tonumber(state) or 0
  local admits = used + cost <= allows
  if admits then
    used = used + cost
  end
  return admits, allows - used, max(ends_ms - floor(now_us / 1000), 1), used
end

local reply, states, all = {0}, {}, true
for index = 2, #KEYS do
  local at = 3 * index - 2
  local allows = tonumber(ARGV[at + 1])
  local admits, left, wait_ms, state
  if ARGV[at] == 'rate' then
    admits, left, wait_ms, state = rate(held[index], allows, ARGV[at + 2] * 1000)
  else
    admits, left, wait_ms, state = quota(held[index], allows, quota_ends(ARGV[at]))
  end
  all = all and admits
  states[index] = state
  reply[at - 2], reply[at - 1], reply[at] = admits and 1 or 0, max(left, 0), max(wait_ms, 0)
end

if all and cost > 0 then
  for index = 2, #KEYS do
    local at = 3 * index - 2
    local state = string.format('%d', states[index])
    if ARGV[at] == 'rate' then
      redis.call('SET', KEYS[index], state, 'PX', ARGV[at + 2])
    else
      redis.call('SET', KEYS[index], state, 'PXAT', string.format('%d', quota_ends(ARGV[at])))
    end
  end
end
return reply
