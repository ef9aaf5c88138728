import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Board } from './board.svelte'
import type { TopicListener } from './live'
import { draftOf } from './task-draft'
import type { Project, Task } from './api-types'

const topics = vi.hoisted(() => new Map<string, TopicListener>())
vi.mock('./connection.svelte', () => ({
  connection: {
    subscribe(topic: string, listener: TopicListener) {
      topics.set(topic, listener)
      return () => topics.delete(topic)
    },
    expectEcho() {},
  },
}))

const BEGIN = 'x'.repeat(2048)
const project = (version: number, fields: Partial<Project> = {}) =>
  ({ id: 'p1', name: `Name ${version}`, description: 'Long', role: 'owner', version, ...fields }) as Project
const task = (version: number, description: string) =>
  ({ id: 'a', project_id: 'p1', ref: 'K-1', title: `Title ${version}`, description, status: 'todo', labels: [], due_on: null, position: 'a', version }) as unknown as Task

/** What was asked for, and waits for its answer. */
let waiting: { path: string; answer: (response: Response) => void }[]
let asked: string[]
let board: Board

beforeEach(async () => {
  vi.useFakeTimers()
  waiting = []
  asked = []
  vi.stubGlobal('fetch', (path: string) => {
    asked.push(path)
    return new Promise((answer) => waiting.push({ path, answer }))
  })
  board = new Board('p1')
  topics.get('project:p1')?.subscribed(true)
  await answer(project(1))
  await answer({ items: [task(1, 'Whole 1')], next_cursor: null })
  asked = []
})

afterEach(() => {
  board.close()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

async function answer(body: unknown, status = 200): Promise<void> {
  waiting.shift()?.answer(Response.json(body, { status }))
  await vi.advanceTimersByTimeAsync(0)
}

async function happened(type: string, data: unknown): Promise<void> {
  topics.get('project:p1')?.event({ id: 'e', type: `devmentor.${type}`, data })
  await vi.advanceTimersByTimeAsync(20)
}

const cut = (version: number) => happened('task.updated.v1', { ...task(version, BEGIN), cut: ['description'] })
const description = () => board.task('a')?.description

it('reads nothing for a card, whose title is up to date', async () => {
  await cut(2)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(board.columns.todo[0]?.title).toBe('Title 2')
  expect(description()).toEqual({ old: 'Whole 1' })
  expect(asked).toEqual([])
})

it('reads what an event left behind when the task is opened', async () => {
  await cut(2)
  board.watchText('a')
  expect(asked).toEqual(['/api/tasks/a'])
  await answer(task(2, 'Whole 2'))
  expect(description()).toBe('Whole 2')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toHaveLength(1)
})

it('reads an open task once at a time, and shows the newest', async () => {
  board.watchText('a')
  expect(asked).toEqual([])
  await cut(2)
  await cut(3)
  await cut(4)
  expect(asked).toHaveLength(1)
  await answer(task(2, 'Whole 2'))
  expect([description(), board.task('a')?.title]).toEqual([{ old: 'Whole 1' }, 'Title 4'])
  await vi.advanceTimersByTimeAsync(400)
  expect(asked).toHaveLength(2)
  await answer(task(5, 'Whole 5'))
  expect(description()).toBe('Whole 5')
  await cut(5)
  expect([description(), asked.length]).toEqual(['Whole 5', 2])
})

it('keeps what it had while reading fails, and tries again after a pause', async () => {
  board.watchText('a')
  await cut(2)
  await answer({ title: 'Away', status: 503, code: 'unavailable' }, 503)
  expect([description(), asked.length]).toEqual([{ old: 'Whole 1' }, 1])
  await vi.advanceTimersByTimeAsync(400)
  await answer(task(2, 'Whole 2'))
  expect([description(), asked.length]).toEqual(['Whole 2', 2])
})

it('stops reading when the task is closed or deleted', async () => {
  const close = board.watchText('a')
  await cut(2)
  await answer({}, 503)
  close()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toHaveLength(1)
  board.watchText('a')
  await answer({}, 503)
  await happened('task.deleted.v1', { id: 'a' })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toHaveLength(2)
})

it('begins an edit with a whole text and its version only', async () => {
  expect((await board.whole('a')).description).toBe('Whole 1')
  expect(asked).toEqual([])
  await cut(2)
  const opening = board.whole('a')
  await cut(3)
  await answer(task(2, 'Whole 2'))
  const opened = await opening
  expect([draftOf(opened).description, opened.version]).toEqual(['Whole 2', 2])
  expect(description()).toEqual({ old: 'Whole 1' })
})

it('begins no edit while the text cannot be read', async () => {
  await cut(2)
  const opening = expect(board.whole('a')).rejects.toThrow('Away')
  await answer({ title: 'Away', status: 503, code: 'unavailable' }, 503)
  await opening
})

it('keeps no description of the project, and reads nothing for it', async () => {
  await happened('project.updated.v1', { ...project(2, { description: BEGIN, role: 'member' }), cut: ['description'] })
  expect(board.project).toEqual({ id: 'p1', name: 'Name 2', role: 'owner', version: 2 })
  expect(asked).toEqual([])
})

it('does not put the project back by an answer that comes late', async () => {
  void board.read()
  await happened('project.updated.v1', project(3))
  await answer(project(2, { role: 'member' }))
  expect(board.project).toMatchObject({ name: 'Name 3', role: 'member' })
})
