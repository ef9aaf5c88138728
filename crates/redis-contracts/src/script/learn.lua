-- Learns from a batch of entries: effect and XACK at once, so that each entry counts exactly once.
--
-- KEYS[1]    the stream
-- KEYS[2]    ai:model:updates
-- KEYS[3]    delivered:{stream}
-- KEYS[4..]  learning:seen, one per day that is looked at; the first is today's
-- then       three per person: learning:profile, learning:applied, stream:devmentor:user
-- ARGV[1]    group
-- ARGV[2]    now, Unix ms, as profiles say it; ages go by Redis' clock
-- ARGV[3]    the same, RFC 3339
-- ARGV[4]    live channel
-- ARGV[5]    ms that ai:model:updates keeps an entry
-- ARGV[6]    bytes of it
-- ARGV[7..9] how many entries a person's timeline keeps, bytes of it, ms until it expires
-- ARGV[10]   seconds that a day's ids are kept
-- ARGV[11]   dimensions, JSON: [{"name":...,"choices":[...]}]
-- ARGV[12]   effects, JSON: list of {hash field: increment}
-- ARGV[13]   how ratings become probabilities, JSON: {"middle","middle_weight","temperature","explore"}
-- ARGV[14]   how many people: n
-- ARGV[15..] three per person: user id, topic, and a learning.profile.updated event up to its data
-- then       one per entry: "<person> <position> <effect> <event id>", the numbers from 1, the id in 16 bytes
--
-- Reply: per entry 'applied', 'repeated' (it counted before), 'gone' (somebody else settled it) or
-- 'unreadable <field>' (its person's profile cannot be read; entry and profile stay as they are).
--
-- A script and not MULTI, because an effect counts only if its XACK does. All that can fail is
-- checked before an entry is acknowledged: Redis does not roll a script back. A key of another type that somebody
-- has put in place of what it writes is as good as none, so that nobody's entry waits for it.

local stream, updates, delivered, group_name = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local people_count = tonumber(ARGV[14])
local days = #KEYS - 3 - 3 * people_count
local dimensions, effects, policy = cjson.decode(ARGV[11]), cjson.decode(ARGV[12]), cjson.decode(ARGV[13])

local TIMELINE, ID_BYTES = 7, 16

local function after(position)
  local ms, sequence = string.match(position, '^(%d+)-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(sequence) + 1)
end

-- Everything before this ID was delivered to the group and settled.
local function settled_before(delivered_up_to)
  local pending = redis.call('XPENDING', stream, group_name)
  local next_delivery = after(delivered_up_to)
  return pending[1] > 0 and before(pending[2], next_delivery) and pending[2] or next_delivery
end

local COUNTS = {
  version = true, feedback_count = true, rating_sum = true, replies = true, updated_at = true,
  n = true, s = true, interactions = true,
}

-- The field of a profile that cannot be read, where there is one. The ratings and their sum say nothing without
-- one another. What is not ours to read is not looked at; `style` is computed anew with each rating.
local function unreadable_field(held)
  for field, value in pairs(held) do
    local kind = string.match(field, '^[^.]+')
    if COUNTS[kind] and not is_count(value) or kind == 'floor' and not parse(value) then
      return field
    end
  end
  if not held.feedback_count ~= not held.rating_sum then
    return held.feedback_count and 'rating_sum' or 'feedback_count'
  end
end

local group = group_of(stream, group_name)
if not group then
  return redis.error_reply('NOGROUP the group ' .. group_name .. ' of ' .. stream .. ' is gone')
end
mend(updates)
local top = after(fields(redis.call('XINFO', 'STREAM', stream))['last-generated-id'])

local entries, ids = {}, {}
for index = 15 + 3 * people_count, #ARGV do
  local line = ARGV[index]
  local person, position, effect = string.match(line, '^(%d+) (%S+) (%d+) ')
  local id = string.sub(line, -ID_BYTES)
  entries[#entries + 1] = { person = tonumber(person), position = position, effect = tonumber(effect), id = id }
  ids[#ids + 1] = id
end

-- The ids of this batch that counted before.
local seen = {}
for day = 1, days do
  mend_type(KEYS[3 + day], 'set')
  for index, is_member in ipairs(redis.call('SMISMEMBER', KEYS[3 + day], unpack(ids))) do
    if is_member == 1 then
      seen[ids[index]] = true
    end
  end
end

local floor_field = 'floor.' .. stream
local people = {}
for index = 1, people_count do
  local key, arg = 1 + days + 3 * index, 12 + 3 * index
  local person = {
    profile = KEYS[key], applied = KEYS[key + 1], timeline = KEYS[key + 2],
    id = ARGV[arg], topic = ARGV[arg + 1], event = ARGV[arg + 2],
    positions = {}, increments = {},
  }
  mend_type(person.profile, 'hash')
  person.held = fields(redis.call('HGETALL', person.profile))
  person.unreadable = unreadable_field(person.held)
  mend_type(person.applied, 'hash')
  person.has_applied = redis.call('HLEN', person.applied) > 0
  mend(person.timeline)
  local newest = redis.call('XREVRANGE', person.timeline, '+', '-', 'COUNT', 1)
  person.previous = newest[1] and newest[1][1] or '0-0'
  person.floor = not person.unreadable and person.held[floor_field] or '0-0'
  -- The stream was deleted and made anew: its positions say nothing of these entries.
  person.is_stale = before(top, person.floor)
  people[index] = person
end

local function drop_applied(person, is_to_go)
  for _, field in ipairs(redis.call('HKEYS', person.applied)) do
    local of, position = string.match(field, '^(%S+) (%S+)$')
    if of == stream and is_to_go(position) then
      redis.call('HDEL', person.applied, field)
    end
  end
end

for _, person in ipairs(people) do
  if person.is_stale then
    person.floor = '0-0'
    drop_applied(person, function() return true end)
  end
end

local counted, settled = {}, {}
local function learn(person, entry)
  if person.unreadable then
    return 'unreadable ' .. person.unreadable
  end
  if redis.call('XACK', stream, group_name, entry.position) == 0 then
    return 'gone'
  end
  settled[entry.position] = true
  local known = before(entry.position, person.floor)
    or person.has_applied and redis.call('HEXISTS', person.applied, stream .. ' ' .. entry.position) == 1
  person.positions[#person.positions + 1] = entry.position
  if seen[entry.id] or known then
    return 'repeated'
  end
  seen[entry.id] = true
  counted[#counted + 1] = entry.id
  for field, increment in pairs(effects[entry.effect]) do
    person.increments[field] = (person.increments[field] or 0) + increment
  end
  return 'applied'
end

-- What this means, and the numbers, are the learner's: services/learning-consumer/src/domain/policy.rs, which a
-- test holds this against.
local function probabilities(values, dimension)
  local weights, total = {}, 0
  for _, choice in ipairs(dimension.choices) do
    local name = dimension.name .. '.' .. choice
    local count, sum = tonumber(values['n.' .. name] or 0), tonumber(values['s.' .. name] or 0)
    local rewards = (sum - count) / 4
    local worth = (rewards + policy.middle * policy.middle_weight) / (count + policy.middle_weight)
    -- Whatever somebody has written there.
    worth = math.min(math.max(worth, 0), 1)
    weights[choice] = math.exp(worth / policy.temperature)
    total = total + weights[choice]
  end
  local parts = {}
  for _, choice in ipairs(dimension.choices) do
    local probability = (1 - policy.explore) * weights[choice] / total + policy.explore / #dimension.choices
    parts[#parts + 1] = string.format('"%s":%.6f', choice, probability)
  end
  return string.format('"%s":{%s}', dimension.name, table.concat(parts, ','))
end

local function tell(person, values)
  local data = string.format(
    '{"user_id":"%s","version":%d,"style":%s,"feedback_count":%d,"average_rating":%.4f,"updated_at":"%s"}}',
    person.id, values.version, values.style, values.feedback_count, values.rating_sum / values.feedback_count, ARGV[3])
  local event = person.event .. data
  add_to_log(updates, ARGV[5], ARGV[6], event)
  local position = add_to_timeline(person.timeline, '*', event, ARGV, TIMELINE)
  redis.call('PUBLISH', ARGV[4], '{"topic":"' .. person.topic .. '","position":"' .. position ..
    '","previous":"' .. person.previous .. '","event":' .. event .. '}')
end

-- Positions before the floor need no place of their own; the others are kept until it has passed them.
local function keep_positions(person, floor)
  for _, position in ipairs(person.positions) do
    if not before(position, floor) then
      redis.call('HSET', person.applied, stream .. ' ' .. position, '')
    end
  end
  if person.has_applied and floor ~= person.floor then
    drop_applied(person, function(position) return before(position, floor) end)
  end
end

local function keep(person, floor)
  if before(floor, person.floor) then
    floor = person.floor
  end
  keep_positions(person, floor)
  local changed = { [floor_field] = floor }
  for field, increment in pairs(person.increments) do
    changed[field] = string.format('%.0f', tonumber(person.held[field] or 0) + increment)
  end
  local rated = person.increments['feedback_count']
  if rated then
    local values = setmetatable(changed, { __index = person.held })
    local styles = {}
    for index, dimension in ipairs(dimensions) do
      styles[index] = probabilities(values, dimension)
    end
    changed.style = '{' .. table.concat(styles, ',') .. '}'
    changed.version = string.format('%.0f', tonumber(person.held.version or 0) + 1)
    changed.updated_at = ARGV[2]
    tell(person, values)
  end
  local written = {}
  for field, value in pairs(changed) do
    written[#written + 1] = field
    written[#written + 1] = value
  end
  redis.call('HSET', person.profile, unpack(written))
end

local outcomes = {}
for index, entry in ipairs(entries) do
  outcomes[index] = learn(people[entry.person], entry)
end
if #counted > 0 then
  redis.call('SADD', KEYS[4], unpack(counted))
  redis.call('EXPIRE', KEYS[4], ARGV[10])
end
local floor = settled_before(move_delivered(stream, group, delivered, settled))
for _, person in ipairs(people) do
  if #person.positions > 0 then
    keep(person, floor)
  end
end
return outcomes
