import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { CommentList } from './comment-list.svelte'
import type { Comment } from './api-types'

vi.mock('./connection.svelte', () => ({ connection: {} }))

const comment = (id: string, version = 1) =>
  ({ id, task_id: 't', body: `${id} ${version}`, version, created_at: id, author: { user_id: null, name: 'Ann' } }) as unknown as Comment

/** Requests that wait for their answer. */
let waiting: ((answer: Response) => void)[]
let asked: string[]
let list: CommentList

beforeEach(async () => {
  vi.useFakeTimers()
  waiting = []
  asked = []
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path)
    return new Promise((resolve) => waiting.push(resolve))
  })
  list = new CommentList('t')
  void list.reload()
  await page([comment('b')], 'more')
  asked = []
})

afterEach(() => {
  list.close()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

async function answer(response: Response): Promise<void> {
  waiting.shift()?.(response)
  await vi.advanceTimersByTimeAsync(0)
}
const page = (items: Comment[], next_cursor: string | null = null) => answer(Response.json({ items, next_cursor }))
const away = () => answer(Response.json({ title: 'Away', status: 503, code: 'unavailable' }, { status: 503 }))
const cut = (id: string, version: number, isNew = false, task_id = 't') =>
  list.receive({ kind: 'comment', change: 'cut', comment: { id, task_id, version, isNew } })
const bodies = () => list.comments.map((shown) => shown.body)

it('keeps a comment that was changed, marked, until it is read', async () => {
  cut('b', 3)
  expect([bodies(), [...list.outdated]]).toEqual([['b 1'], ['b']])
  expect(asked).toEqual(['/api/tasks/t/comments?limit=100'])
  await page([comment('b', 3)], 'more')
  expect([bodies(), list.outdated.size, asked.length]).toEqual([['b 3'], 0, 1])
})

it('reads a new comment before it is shown', async () => {
  cut('c', 1, true)
  expect([bodies(), list.incomplete]).toEqual([['b 1'], true])
  await page([comment('c'), comment('b')], 'more')
  expect([bodies(), list.incomplete, list.cursor]).toEqual([['b 1', 'c 1'], false, 'more'])
})

it('reads once at a time for all of them, and applies the newest', async () => {
  cut('b', 2)
  cut('c', 1, true)
  cut('b', 4)
  expect(asked).toHaveLength(1)
  await page([comment('c'), comment('b', 2)])
  expect([bodies(), [...list.outdated]]).toEqual([['b 2', 'c 1'], ['b']])
  await vi.advanceTimersByTimeAsync(400)
  await page([comment('b', 5)])
  cut('b', 5)
  expect([bodies(), asked.length]).toEqual([['b 5', 'c 1'], 2])
})

it('looks for an earlier one page by page, and takes in nothing else', async () => {
  void list.load('more')
  await page([comment('a')], 'rest')
  asked = []
  cut('a', 2)
  await page([comment('d'), comment('b')], 'next')
  await page([comment('a', 2), comment('0')], 'rest')
  expect(asked).toEqual(['/api/tasks/t/comments?limit=100', '/api/tasks/t/comments?limit=100&cursor=next'])
  expect([bodies(), list.cursor]).toEqual([['a 2', 'b 1'], 'rest'])
})

it('tries again after a pause when reading fails', async () => {
  cut('b', 2)
  await away()
  expect([bodies(), [...list.outdated], list.problem]).toEqual([['b 1'], ['b'], ''])
  await vi.advanceTimersByTimeAsync(400)
  await page([comment('b', 2)])
  expect([bodies(), list.outdated.size]).toEqual([['b 2'], 0])
})

it('reads nothing for other tasks, for what is not shown, and for what was deleted', async () => {
  cut('x', 1, true, 'other')
  cut('a', 2)
  expect(asked).toEqual([])
  cut('b', 2)
  list.receive({ kind: 'comment', change: 'removed', id: 'b', taskId: 't' })
  await away()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([bodies(), asked.length]).toEqual([[], 1])
})

it('stops when it is closed', async () => {
  cut('b', 2)
  await away()
  list.close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toHaveLength(1)
})

it('knows after a first page that was read too early that it is old', async () => {
  void list.reload()
  cut('b', 2)
  await page([comment('b', 1)])
  expect([...list.outdated]).toEqual(['b'])
  await page([comment('b', 2)])
  expect(bodies()).toEqual(['b 2'])
})
