-- Learns from a batch of entries: effect and XACK at once, so that each entry counts exactly once.
--
-- KEYS[1]    the stream
-- KEYS[2]    ai:model:updates
-- KEYS[3..]  four per person: learning:profile, learning:events, learning:applied, stream:devmentor:user
-- ARGV[1]    group
-- ARGV[2]    now, Unix ms
-- ARGV[3]    now, RFC 3339
-- ARGV[4]    live channel
-- ARGV[5]    lowest ID that ai:model:updates still keeps
-- ARGV[6]    how many entries a person's stream keeps
-- ARGV[7]    how many event ids a person's set keeps
-- ARGV[8]    dimensions, JSON: [{"name":...,"choices":[...]}]
-- ARGV[9]    effects, JSON: list of {hash field: increment}
-- ARGV[10]   how many people: n
-- ARGV[11..] three per person: user id, topic, and a learning.profile.updated event up to its data
-- then       one per entry: "<person> <position> <event id> <effect>", the numbers from 1
--
-- Reply: per entry 'applied', 'repeated' (it counted before) or 'gone' (somebody else settled it).
--
-- A script and not MULTI, because an effect counts only if its XACK does. All that can fail is
-- checked before the first write: Redis does not roll a script back.

local stream, updates, group = KEYS[1], KEYS[2], ARGV[1]
local people_count = tonumber(ARGV[10])
local dimensions, effects = cjson.decode(ARGV[8]), cjson.decode(ARGV[9])

local function parse(position)
  local ms, sequence = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

local function before(a, b)
  local a_ms, a_sequence = parse(a)
  local b_ms, b_sequence = parse(b)
  return a_ms < b_ms or (a_ms == b_ms and a_sequence < b_sequence)
end

-- The flat list of a reply as a table.
local function fields(list)
  local found = {}
  for index = 1, #list, 2 do
    found[list[index]] = list[index + 1]
  end
  return found
end

local function delivered_up_to()
  for _, described in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local of = fields(described)
    if of['name'] == group then
      return of['last-delivered-id']
    end
  end
end

local function after(position)
  local ms, sequence = string.match(position, '^(%d+)-(%d+)$')
  return ms .. '-' .. string.format('%.0f', tonumber(sequence) + 1)
end

-- Everything before this ID was delivered to the group and settled.
local function settled_before(last_delivered)
  local pending = redis.call('XPENDING', stream, group)
  if pending[1] > 0 then
    return pending[2]
  end
  return after(last_delivered)
end

-- What is not a number in a profile, though all but these fields are.
local function no_number(held)
  for field, value in pairs(held) do
    local is_text = field == 'style' or string.sub(field, 1, 6) == 'floor.'
    if not is_text and not tonumber(value) then
      return field
    end
  end
end

local last_delivered = delivered_up_to()
if not last_delivered then
  return redis.error_reply('NOGROUP the group ' .. group .. ' of ' .. stream .. ' is gone')
end
redis.call('XLEN', updates)
local top = after(fields(redis.call('XINFO', 'STREAM', stream))['last-generated-id'])

local floor_field = 'floor.' .. stream
local people = {}
for index = 1, people_count do
  local key, arg = 4 * index - 1, 8 + 3 * index
  local person = {
    profile = KEYS[key], events = KEYS[key + 1], applied = KEYS[key + 2], timeline = KEYS[key + 3],
    id = ARGV[arg], topic = ARGV[arg + 1], event = ARGV[arg + 2],
    held = fields(redis.call('HGETALL', KEYS[key])), positions = {}, increments = {},
  }
  person.has_applied = redis.call('HLEN', person.applied) > 0
  redis.call('ZCARD', person.events)
  local newest = redis.call('XREVRANGE', person.timeline, '+', '-', 'COUNT', 1)
  person.previous = newest[1] and newest[1][1] or '0-0'
  person.floor = person.held[floor_field] or '0-0'
  local bad = no_number(person.held) or not parse(person.floor) and floor_field
  if bad then
    return redis.error_reply('BADPROFILE ' .. person.profile .. ' holds no number in ' .. bad)
  end
  if before(top, person.floor) then
    -- The stream was deleted and made anew: its positions say nothing of these entries.
    person.floor, person.has_applied = '0-0', false
  end
  people[index] = person
end

local function learn(person, position, event_id, effect)
  if redis.call('XACK', stream, group, position) == 0 then
    return 'gone'
  end
  local known = before(position, person.floor)
    or person.has_applied and redis.call('HEXISTS', person.applied, stream .. ' ' .. position) == 1
  person.positions[#person.positions + 1] = position
  if redis.call('ZADD', person.events, 'NX', ARGV[2], event_id) == 0 or known then
    return 'repeated'
  end
  for field, increment in pairs(effects[effect]) do
    person.increments[field] = (person.increments[field] or 0) + increment
  end
  return 'applied'
end

-- A rating of 1 to 5 is a reward of 0 to 1. A choice is worth its mean reward, drawn towards the middle
-- while it was rated seldom; the more it is worth, the likelier it is (softmax), and each keeps its
-- share of EXPLORE, so that a taste that changes is noticed.
local MIDDLE, MIDDLE_WEIGHT, TEMPERATURE, EXPLORE = 0.5, 4, 0.1, 0.1

local function probabilities(values, dimension)
  local weights, total = {}, 0
  for _, choice in ipairs(dimension.choices) do
    local name = dimension.name .. '.' .. choice
    local count, sum = tonumber(values['n.' .. name] or 0), tonumber(values['s.' .. name] or 0)
    local worth = ((sum - count) / 4 + MIDDLE * MIDDLE_WEIGHT) / (count + MIDDLE_WEIGHT)
    weights[choice] = math.exp(worth / TEMPERATURE)
    total = total + weights[choice]
  end
  local parts = {}
  for _, choice in ipairs(dimension.choices) do
    local probability = (1 - EXPLORE) * weights[choice] / total + EXPLORE / #dimension.choices
    parts[#parts + 1] = string.format('"%s":%.6f', choice, probability)
  end
  return string.format('"%s":{%s}', dimension.name, table.concat(parts, ','))
end

local function tell(person, values)
  local data = string.format(
    '{"user_id":"%s","version":%d,"style":%s,"feedback_count":%d,"average_rating":%.4f,"updated_at":"%s"}}',
    person.id, values.version, values.style, values.feedback_count, values.rating_sum / values.feedback_count, ARGV[3])
  local event = person.event .. data
  redis.call('XADD', updates, 'MINID', '~', ARGV[5], '*', 'event', event)
  local position = redis.call('XADD', person.timeline, 'MAXLEN', '=', ARGV[6], '*', 'event', event)
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
    for _, field in ipairs(redis.call('HKEYS', person.applied)) do
      local of, position = string.match(field, '^(%S+) (%S+)$')
      if of == stream and before(position, floor) then
        redis.call('HDEL', person.applied, field)
      end
    end
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
  redis.call('ZREMRANGEBYRANK', person.events, 0, -(tonumber(ARGV[7]) + 1))
end

local outcomes = {}
for index = 11 + 3 * people_count, #ARGV do
  local person, position, event_id, effect = string.match(ARGV[index], '^(%d+) (%S+) (%S+) (%d+)$')
  outcomes[#outcomes + 1] = learn(people[tonumber(person)], position, event_id, tonumber(effect))
end
local floor = settled_before(last_delivered)
for _, person in ipairs(people) do
  if #person.positions > 0 then
    keep(person, floor)
  end
end
return outcomes
