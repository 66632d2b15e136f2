import { instanceChars } from './backplane.ts'
import { frameTypes } from './backplane-frames.ts'

/**
 * What happens to a room in Redis, each script as a whole: who is in a room is a sorted set of ids, and the score of each is the
 * time, by Redis' own clock, at which it is a ghost unless its instance says again that it is there. The set itself ends with the
 * last of them. So nothing has to be cleaned up after an instance that was killed, nor after all of them were.
 *
 * KEYS[1] is the room's set; ARGV[1] its name, ARGV[2] the prefix of the instances' channels.
 */
const prologue = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local function tell(type, id, others)
  local told = { [string.sub(id, 1, ${instanceChars})] = true }
  for _, other in ipairs(others) do
    local instance = string.sub(other, 1, ${instanceChars})
    if not told[instance] then
      told[instance] = true
      redis.call('PUBLISH', ARGV[2] .. instance, string.char(type) .. id .. ARGV[1])
    end
  end
end
`

/**
 * ARGV[3] milliseconds until they are ghosts, ARGV[4] most peers of a room for those who come in, ARGV[5...] ids of one instance.
 * Gives how many of them were not there, then everybody; or nil, if there is no place for them.
 */
export const shareScript = `${prologue}
local ttl = tonumber(ARGV[3])
local room = tonumber(ARGV[4]) - redis.call('ZCARD', KEYS[1])
local new = {}
for i = 5, #ARGV do
  if not redis.call('ZSCORE', KEYS[1], ARGV[i]) then new[#new + 1] = ARGV[i] end
end
if #new > 0 and #new > room then return nil end
for i = 5, #ARGV do redis.call('ZADD', KEYS[1], now + ttl, ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ttl)
local everybody = redis.call('ZRANGE', KEYS[1], 0, -1)
for _, id in ipairs(new) do tell(${frameTypes.joined}, id, everybody) end
table.insert(everybody, 1, tostring(#new))
return everybody
`

/** ARGV[3] the id of who leaves. */
export const leaveScript = `${prologue}
if redis.call('ZREM', KEYS[1], ARGV[3]) == 1 then
  tell(${frameTypes.left}, ARGV[3], redis.call('ZRANGE', KEYS[1], 0, -1))
end
`
