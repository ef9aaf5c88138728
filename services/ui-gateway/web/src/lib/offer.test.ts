import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError, type TaskChange } from './api'
import type { Columns } from './board-model'
import { dayIn } from './dates'
import { Offer } from './offer.svelte'
import { spoken } from './notices.svelte'
import { openSteps } from './steps'
import { placeBack, TaskAction, type TaskBoard } from './task-action'
import type { Task } from './api-types'
import { type HeldTask, isWhole } from './held'

/** A board whose server is the test: tasks change at once, and fail when they are told to. */
class FakeBoard implements TaskBoard {
  readonly projectId = 'p1'
  tasks: HeldTask[] = []
  log: string[] = []
  keys: string[] = []
  failures: (Error | null)[] = []

  get columns(): Columns {
    const columns: Columns = { todo: [], in_progress: [], in_review: [], done: [] }
    for (const task of this.tasks) columns[task.status].push(task)
    return columns
  }
  task(id: string) {
    return this.tasks.find((task) => task.id === id)
  }
  async whole(id: string) {
    const held = this.task(id) as HeldTask
    if (isWhole(held)) return held
    this.#mayFail()
    this.log.push(`read ${id}`)
    return { ...held, description: STEPS }
  }
  async add(fields: TaskChange, key: string) {
    this.keys.push(key)
    this.#mayFail()
    const made = task(`new${this.tasks.length}`, { title: fields.title ?? '', description: fields.description ?? '' })
    this.tasks.push(made)
    this.log.push(`add ${made.title} | ${made.description}`)
    return made
  }
  async change(id: string, change: TaskChange, version?: number) {
    this.#mayFail()
    const held = await this.whole(id)
    if (version !== held.version) throw new ApiError({ title: 'Newer', status: 412, code: 'version_mismatch' })
    const { after_id: _, before_id: __, ...fields } = change
    const changed = { ...held, ...fields, version: held.version + 1 }
    this.tasks = this.tasks.map((other) => (other.id === id ? changed : other))
    this.log.push(`change ${id} ${JSON.stringify(change)}`)
    return changed
  }
  async delete(id: string, version?: number) {
    this.#mayFail()
    const held = this.task(id)
    if (!held) throw new ApiError({ title: 'Gone', status: 404, code: 'not_found' })
    if (version !== held.version) throw new ApiError({ title: 'Newer', status: 412, code: 'version_mismatch' })
    this.tasks = this.tasks.filter((other) => other.id !== id)
    this.log.push(`delete ${held.title}`)
  }
  #mayFail() {
    const failure = this.failures.shift()
    if (failure) throw failure
  }
}

function task(id: string, fields: Partial<Task> = {}): Task {
  return { id, ref: id.toUpperCase(), title: id, description: '', status: 'todo', due_on: null, version: 1, ...fields } as Task
}

const AWAY = new ApiError({ title: 'Away', status: 503, code: 'unavailable' })
const STEPS = 'Why\n- [ ] One\n- [x] Past\n  - [ ]  Two \n- [ ] \n- [ ] Three'

let board: FakeBoard
const action = (kind: string) => new TaskAction(board, { kind, task_id: 'b', label: 'Do it' })

beforeEach(() => {
  board = new FakeBoard()
  board.tasks = [task('a'), task('b', { description: STEPS, due_on: '2026-01-31' }), task('c')]
})

describe('open steps', () => {
  it('are the unticked lines, as titles', () => {
    expect(openSteps(STEPS)).toEqual(['One', 'Two', 'Three'])
    expect(openSteps(`- [ ] ${'👋'.repeat(400)}`)).toEqual(['👋'.repeat(300)])
    expect(openSteps('- [ ] x\n'.repeat(80))).toHaveLength(50)
    expect(openSteps('* [ ] One')).toEqual(['One'])
    expect(openSteps('Use - [ ] for a step')).toEqual([])
  })
})

describe('a suggestion', () => {
  it('splits a task into one for each open step, and takes them away again', async () => {
    const split = action('split')
    expect(await split.run()).toBe('B was split into 3 tasks.')
    expect(board.log).toEqual(['add One | From B.', 'add Two | From B.', 'add Three | From B.'])
    expect(new Set(board.keys).size).toBe(3)
    await split.undo()
    expect(board.log.slice(3)).toEqual(['delete Three', 'delete Two', 'delete One'])
    expect(split.undoable).toBe(false)
  })

  it('splits by the whole description, never by what an event left of it', async () => {
    board.tasks = [{ ...task('b'), description: { old: '- [ ] Past' } }]
    board.failures = [AWAY]
    const split = action('split')
    await expect(split.run()).rejects.toBe(AWAY)
    expect(await split.run()).toBe('B was split into 3 tasks.')
    expect(board.log).toEqual(['read b', 'add One | From B.', 'add Two | From B.', 'add Three | From B.'])
  })

  it('goes on with a split where it broke, and makes nothing twice', async () => {
    const split = action('split')
    board.failures = [null, AWAY]
    await expect(split.run()).rejects.toBe(AWAY)
    expect(split.undoable).toBe(true)
    expect(await split.run()).toBe('B was split into 3 tasks.')
    expect(board.log).toHaveLength(3)
    expect(board.keys[2]).toBe(board.keys[1])
  })

  it('goes on with undoing where that broke, whoever deleted the rest', async () => {
    const split = action('split')
    await split.run()
    board.failures = [null, AWAY]
    await expect(split.undo()).rejects.toBe(AWAY)
    board.tasks = board.tasks.filter((other) => other.title !== 'One')
    await split.undo()
    expect(board.tasks.map((other) => other.id)).toEqual(['a', 'b', 'c'])
    // And from the beginning after that.
    expect(await split.run()).toBe('B was split into 3 tasks.')
  })

  it('sets a due date, and puts back the one before', async () => {
    const due = action('set_due_date')
    expect(await due.run()).toMatch(/^B is due /)
    expect(board.task('b')?.due_on).toBe(dayIn(7))
    await due.undo()
    expect(board.task('b')?.due_on).toBe('2026-01-31')
  })

  it.each([
    ['ask_for_review', 'in_review', 'B is in review.'],
    ['close', 'done', 'B is done.'],
  ])('%s moves the task, and back to its place', async (kind, status, said) => {
    const move = action(kind)
    expect(await move.run()).toBe(said)
    expect(board.task('b')?.status).toBe(status)
    await move.undo()
    expect(board.log).toEqual([`change b {"status":"${status}"}`, 'change b {"status":"todo","after_id":"a"}'])
  })

  it('writes nothing over that was changed since', async () => {
    const close = action('close')
    await close.run()
    await board.change('b', { title: 'By another' }, 2)
    await expect(close.undo()).rejects.toThrow('What was changed since is left as it is.')
    expect(board.task('b')).toMatchObject({ title: 'By another', status: 'done' })
  })

  it('that is outdated says so', async () => {
    board.tasks = [task('b', { status: 'done', due_on: dayIn(7) })]
    await expect(action('close').run()).rejects.toThrow('B is already done.')
    await expect(action('set_due_date').run()).rejects.toThrow('B is already due')
    await expect(action('split').run()).rejects.toThrow('B has no open steps any more.')
    board.tasks = []
    await expect(action('close').run()).rejects.toThrow('not there any more')
  })
})

describe('the place to go back to', () => {
  it('is beside the nearest that is still there', () => {
    expect(placeBack(['a', 'b', 'c', 'd'], 'c', ['a', 'b', 'd'])).toEqual({ after_id: 'b' })
    expect(placeBack(['a', 'b', 'c', 'd'], 'c', ['a', 'd'])).toEqual({ after_id: 'a' })
    expect(placeBack(['a', 'b', 'c', 'd'], 'c', ['d', 'x'])).toEqual({ before_id: 'd' })
    expect(placeBack(['c'], 'c', ['x'])).toEqual({})
  })
})

describe('an offer', () => {
  let told: unknown[]
  beforeEach(() => {
    vi.useFakeTimers()
    told = []
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      told.push(JSON.parse(String(init.body)))
      return new Response('{}', { status: 202 })
    })
  })
  afterEach(() => {
    vi.runAllTimers()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  const suggestion = { kind: 'close', task_id: 'b', label: 'Close B' }

  it('is done with one click, told once, and undone from its note', async () => {
    const offer = new Offer('m1', suggestion, board)
    await Promise.all([offer.accept(), offer.accept()])
    expect(offer).toMatchObject({ phase: 'done', outcome: 'B is done.', undoable: true })
    expect(told).toEqual([{ message_id: 'm1', kind: 'accepted', suggestion }])
    const note = spoken.notices.find((notice) => notice.text === 'B is done.')
    expect(note?.action?.label).toBe('Undo')
    note?.action?.run()
    await vi.waitFor(() => expect(offer.phase).toBe('open'))
    expect(board.task('b')?.status).toBe('todo')
    expect(spoken.notices.map((notice) => notice.text)).toEqual(['Undone: all is as it was.'])
  })

  it('says what went wrong and can be pressed again', async () => {
    const offer = new Offer('m1', suggestion, board)
    board.failures = [AWAY]
    await offer.accept()
    expect(offer).toMatchObject({ phase: 'open', problem: 'Away', undoable: false })
    expect(told).toEqual([])
    await offer.accept()
    expect(offer).toMatchObject({ phase: 'done', problem: '' })
    board.failures = [AWAY]
    await offer.undo()
    expect(offer).toMatchObject({ phase: 'done', problem: 'Away', undoable: true })
  })

  it('that is half done can be gone on with or undone', async () => {
    const offer = new Offer('m1', { ...suggestion, kind: 'split' }, board)
    board.failures = [null, AWAY]
    await offer.accept()
    expect(offer).toMatchObject({ phase: 'open', undoable: true })
    expect(offer.problem).toMatch(/^Away.* A part of it is done/)
    await offer.undo()
    expect(offer).toMatchObject({ phase: 'open', undoable: false, problem: '' })
    expect(board.tasks).toHaveLength(3)
  })

  it('is dismissed for good', async () => {
    const offer = new Offer('m1', suggestion, board)
    offer.dismiss()
    await offer.accept()
    expect(offer.phase).toBe('dismissed')
    expect(told).toEqual([{ message_id: 'm1', kind: 'dismissed', suggestion }])
    expect(board.log).toEqual([])
  })
})
