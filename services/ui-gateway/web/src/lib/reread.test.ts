import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ApiError } from './api'
import { Reread } from './reread'

/** Reads that wait for their end: nothing, or why they failed. */
let waiting: ((failure?: Error) => void)[]
let reads: number
let needed: boolean
let reread: Reread

beforeEach(() => {
  vi.useFakeTimers()
  waiting = []
  reads = 0
  needed = true
  const read = () =>
    new Promise<void>((resolve, reject) => {
      reads += 1
      waiting.push((failure) => (failure ? reject(failure) : resolve()))
    })
  reread = new Reread(read, () => needed)
})

afterEach(() => vi.useRealTimers())

async function end(failure?: Error): Promise<void> {
  waiting.shift()?.(failure)
  await vi.advanceTimersByTimeAsync(0)
}

it('reads nothing that is not needed', () => {
  needed = false
  reread.want()
  expect(reads).toBe(0)
})

it('reads once at a time, however often it is wanted', async () => {
  for (let times = 0; times < 5; times += 1) reread.want()
  expect(reads).toBe(1)
  needed = false
  await end()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(reads).toBe(1)
  needed = true
  reread.want()
  expect(reads).toBe(2)
})

it('reads again after a pause when the answer was too old', async () => {
  reread.want()
  await end()
  reread.want()
  expect(reads).toBe(1)
  await vi.advanceTimersByTimeAsync(400)
  expect(reads).toBe(2)
})

it('tries again after pauses that grow when reading fails, until it succeeds', async () => {
  const away = new ApiError({ title: 'Away', status: 503, code: 'unavailable' })
  reread.want()
  await end(away)
  expect(reads).toBe(1)
  await vi.advanceTimersByTimeAsync(400)
  expect(reads).toBe(2)
  await end(away)
  await vi.advanceTimersByTimeAsync(399)
  expect(reads).toBe(2)
  await vi.advanceTimersByTimeAsync(401)
  expect(reads).toBe(3)
  needed = false
  await end()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(reads).toBe(3)
})

it('ends when nobody looks any more', async () => {
  reread.want()
  await end()
  reread.stop()
  reread.want()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(reads).toBe(1)
})
