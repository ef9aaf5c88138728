import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { learning } from './learning.svelte'
import type { TopicListener } from './live'
import type { LearningProfile as Profile } from './api-types'

const topics = vi.hoisted(() => new Map<string, TopicListener>())
vi.mock('./connection.svelte', () => ({
  connection: {
    subscribe(topic: string, listener: TopicListener) {
      topics.set(topic, listener)
      return () => topics.delete(topic)
    },
  },
}))

const profile = (version: number) => ({ user_id: 'u1', version, style: {}, feedback_count: version }) as unknown as Profile

/** Requests for the profile that wait for their answer. */
let waiting: ((answer: Response) => void)[]

beforeEach(() => {
  waiting = []
  vi.stubGlobal('fetch', () => new Promise((resolve) => waiting.push(resolve)))
  learning.follow('u1')
})

afterEach(() => {
  learning.leave()
  vi.unstubAllGlobals()
})

const happened = (type: string, data: unknown) => topics.get('user:u1')?.event({ id: 'e', type: `devmentor.${type}`, data })
const moved = (version: number) => happened('learning.profile.updated.v1', profile(version))
async function answer(response: Response): Promise<void> {
  waiting.shift()?.(response)
  await new Promise((resolve) => setTimeout(resolve))
}

it('is read when somebody looks, and again when events were missed', async () => {
  topics.get('user:u1')?.subscribed(true)
  expect(waiting).toHaveLength(0)
  learning.want()
  await answer(Response.json(profile(0)))
  expect(learning.profile?.version).toBe(0)
  learning.want()
  topics.get('user:u1')?.subscribed(false)
  expect(waiting).toHaveLength(0)
  topics.get('user:u1')?.subscribed(true)
  await answer(Response.json(profile(4)))
  expect(learning.version).toBe(4)
})

it('is not put back by an answer that comes late', async () => {
  learning.want()
  moved(7)
  await answer(Response.json(profile(6)))
  moved(5)
  expect(learning.version).toBe(7)
  moved(8)
  expect([learning.version, learning.previous?.version]).toEqual([8, 7])
})

it('says why it cannot be read, and is read when asked again', async () => {
  learning.want()
  await answer(Response.json({ title: 'No', status: 503, code: 'unavailable', detail: 'Away' }, { status: 503 }))
  expect([learning.profile, learning.problem]).toEqual([null, 'Away'])
  learning.want()
  await answer(Response.json(profile(1)))
  expect([learning.version, learning.problem]).toEqual([1, ''])
})

it('tells that the mentor adapted, and ignores what it does not know', () => {
  happened('mentor.adapted.v2', { profile_version: 9, previous_version: 8 })
  happened('mentor.adapted.v1', { profile_version: 9 })
  happened('learning.profile.updated.v1', 'nonsense')
  expect([learning.adaptation, learning.profile]).toEqual([null, null])
  happened('mentor.adapted.v1', { message_id: 'm1', profile_version: 3, previous_version: 2 })
  expect(learning.adaptation?.profile_version).toBe(3)
})

it('keeps nothing of who was signed in before', async () => {
  learning.want()
  moved(3)
  learning.leave()
  await answer(Response.json(profile(9)))
  expect([learning.profile, learning.version, topics.size]).toEqual([null, 0, 0])
})
