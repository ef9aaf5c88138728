import { beforeEach, describe, expect, it } from 'vitest'
import { BoardModel } from './board-model'
import type { Task } from './api-types'
import type { Status } from './columns'
import type { LiveEvent } from './live-event'

const PROJECT = 'p1'

function task(id: string, fields: Partial<Task> = {}): Task {
  return {
    id, project_id: PROJECT, ref: `KEY-${id}`, title: `Task ${id}`, description: '', status: 'todo', labels: [], due_on: null,
    position: id, author: { user_id: 'u1', name: 'ann' }, external_ref: null, comment_count: 0, version: 1,
    created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z', completed_at: null, ...fields,
  }
}

function event(type: string, data: unknown): LiveEvent {
  return { id: 'e', type: `devmentor.${type}`, project_id: PROJECT, data }
}

let board: BoardModel
beforeEach(() => (board = new BoardModel(PROJECT)))

const refs = (status: Status) => board.columns()[status].map((shown) => shown.id)

describe('events', () => {
  it('creates, moves and deletes', () => {
    expect(board.apply(event('task.created.v1', task('a')))).toEqual({ kind: 'task', id: 'a', change: 'added' })
    const moved = { ...task('a', { status: 'done', version: 2 }), changes: { status: { from: 'todo', to: 'done' } } }
    expect(board.apply(event('task.completed.v1', moved))).toEqual({ kind: 'task', id: 'a', change: 'changed' })
    expect(refs('todo')).toEqual([])
    expect(refs('done')).toEqual(['a'])
    expect(board.get('a')).not.toHaveProperty('changes')
    expect(board.apply(event('task.deleted.v1', { id: 'a', project_id: PROJECT, ref: 'KEY-a' }))?.kind).toBe('task')
    expect(board.size).toBe(0)
  })

  it('change nothing the second time', () => {
    const created = event('task.created.v1', task('a'))
    const renamed = event('task.updated.v1', task('a', { title: 'New', version: 2 }))
    const events = [created, renamed]
    for (const each of events) board.apply(each)
    for (const each of events) expect(board.apply(each)).toBeNull()
    expect(board.get('a')?.title).toBe('New')
    expect(board.get('a')?.version).toBe(2)
  })

  it('do not undo what is newer, wherever that came from', () => {
    board.put(task('a', { title: 'From an answer', version: 5 }))
    expect(board.apply(event('task.updated.v1', task('a', { title: 'Late', version: 4 })))).toBeNull()
    expect(board.get('a')?.title).toBe('From an answer')
  })

  it('do not bring back what was deleted', () => {
    board.put(task('a'))
    board.remove('a')
    expect(board.apply(event('task.updated.v1', task('a', { version: 9 })))).toBeNull()
    expect(board.put(task('a'))).toBe(false)
    expect(board.size).toBe(0)
  })

  it('delete tasks that were never seen', () => {
    expect(board.apply(event('task.deleted.v1', { id: 'a' }))).toBeNull()
    expect(board.put(task('a'))).toBe(false)
  })

  it('of unknown types, versions, projects and shapes are ignored', () => {
    expect(board.apply(event('task.created.v2', task('a')))).toBeNull()
    expect(board.apply(event('task.praised.v1', task('a')))).toBeNull()
    expect(board.apply(event('task.created.v1', task('a', { project_id: 'p2' })))).toBeNull()
    expect(board.apply(event('task.created.v1', null))).toBeNull()
    expect(board.apply(event('task.created.v1', { title: 'no id' }))).toBeNull()
    expect(board.apply(event('project.updated.v1', { id: 'p2', name: 'Other' }))).toBeNull()
    expect(board.size).toBe(0)
  })

  it('tell of the project and its end', () => {
    expect(board.apply(event('project.updated.v1', { id: PROJECT, name: 'New' }))).toMatchObject({ kind: 'project', project: { name: 'New' } })
    expect(board.apply(event('project.deleted.v1', { id: PROJECT, key: 'KEY' }))).toEqual({ kind: 'project', project: null })
  })

  it('count comments by what the last one says', () => {
    board.put(task('a'))
    const comment = { id: 'c', task_id: 'a', body: 'Hi', version: 1 }
    const added = event('comment.added.v1', { ...comment, task_comment_count: 3 })
    expect(board.apply(added)).toEqual({ kind: 'comment', change: 'put', comment })
    expect(board.get('a')?.comment_count).toBe(3)
    board.apply(added)
    expect(board.get('a')?.comment_count).toBe(3)
    const deleted = event('comment.deleted.v1', { id: 'c', task_id: 'a', task_comment_count: 2 })
    expect(board.apply(deleted)).toEqual({ kind: 'comment', change: 'removed', id: 'c', taskId: 'a' })
    expect(board.get('a')?.comment_count).toBe(2)
  })
})

describe('an event that has only the beginning of a text', () => {
  const cut = (version: number, fields: Partial<Task> = {}) => {
    const both = { from: { cut: true }, to: { cut: true } }
    const data = { ...task('a', { description: 'Begin', version, ...fields }), cut: ['description'], changes: { description: both } }
    return event('task.updated.v1', data)
  }

  it('changes all but the text, which is known to be old', () => {
    board.put(task('a', { description: 'Whole' }))
    expect(board.apply(cut(2, { title: 'New' }))).toEqual({ kind: 'task', id: 'a', change: 'changed' })
    expect(board.get('a')).toEqual(task('a', { title: 'New', version: 2, description: { old: 'Whole' } as never }))
    expect(board.apply(cut(2))).toBeNull()
    board.apply(cut(3))
    expect(board.get('a')?.description).toEqual({ old: 'Whole' })
    expect(board.isOutdated('a')).toBe(true)
  })

  it('makes a card without a text', () => {
    board.apply(cut(1))
    expect(refs('todo')).toEqual(['a'])
    expect(board.get('a')?.description).toEqual({ old: null })
  })

  it('is completed by an answer of its version or a newer one, not by an older', () => {
    board.apply(cut(3, { comment_count: 4 }))
    expect(board.put(task('a', { description: 'Older', version: 2 }))).toBe(false)
    expect(board.isOutdated('a')).toBe(true)
    expect(board.put(task('a', { description: 'Whole', version: 3 }))).toBe(true)
    expect(board.get('a')).toMatchObject({ description: 'Whole', version: 3, comment_count: 4 })
    expect(board.apply(cut(3))).toBeNull()
    board.apply(cut(4))
    board.put(task('a', { description: 'Newest', version: 6 }))
    expect(board.apply(cut(5))).toBeNull()
    expect(board.get('a')?.description).toBe('Newest')
  })

  it('is made up for by a later one with a short text', () => {
    board.apply(cut(1))
    board.apply(event('task.updated.v1', task('a', { description: 'Short', version: 2 })))
    expect(board.get('a')?.description).toBe('Short')
    expect(board.isOutdated('a')).toBe(false)
  })

  it('of a comment tells only which one it is', () => {
    board.put(task('a'))
    const comment = { id: 'c', task_id: 'a', body: 'Begin', version: 1, cut: ['body'] }
    const known = { id: 'c', task_id: 'a', version: 1 }
    const added = board.apply(event('comment.added.v1', { ...comment, task_comment_count: 3 }))
    expect(added).toEqual({ kind: 'comment', change: 'cut', comment: { ...known, isNew: true } })
    expect(board.get('a')?.comment_count).toBe(3)
    const changes = { body: { from: 'Short', to: { cut: true } } }
    const updated = board.apply(event('comment.updated.v1', { ...comment, changes }))
    expect(updated).toEqual({ kind: 'comment', change: 'cut', comment: { ...known, isNew: false } })
  })

  it('of a project has all that is shown of it', () => {
    const data = { id: PROJECT, name: 'New', description: 'Begin', cut: ['description'], changes: { name: { from: 'Old', to: 'New' } } }
    expect(board.apply(event('project.updated.v1', data))).toEqual({ kind: 'project', project: { id: PROJECT, name: 'New' } })
  })
})

describe('columns', () => {
  it('sort bytewise by position, then by id', () => {
    for (const [id, position] of [['a', 'b'], ['b', 'B'], ['c', 'a0'], ['d', 'a'], ['e', 'a']] as const) board.put(task(id, { position }))
    expect(refs('todo')).toEqual(['b', 'd', 'e', 'c', 'a'])
  })

  it('ignore a status that came later than this page', () => {
    board.put(task('a', { status: 'blocked' as Status }))
    expect(Object.values(board.columns()).flat()).toEqual([])
  })
})

describe('a snapshot', () => {
  it('drops what it does not name, but not what events named meanwhile', () => {
    for (const id of ['a', 'b', 'c']) board.put(task(id))
    board.beginSnapshot()
    board.put(task('a'))
    board.apply(event('task.moved.v1', task('b', { version: 2, status: 'done' })))
    board.apply(event('task.created.v1', task('d')))
    board.endSnapshot()
    expect(refs('todo')).toEqual(['a', 'd'])
    expect(refs('done')).toEqual(['b'])
  })

  it('may bring back what an earlier one had dropped', () => {
    board.put(task('a'))
    board.beginSnapshot()
    board.endSnapshot()
    expect(board.size).toBe(0)
    expect(board.put(task('a'))).toBe(true)
  })

  it('corrects the comment counts, unless an event has', () => {
    board.put(task('a', { comment_count: 1 }))
    board.put(task('b', { comment_count: 1 }))
    board.beginSnapshot()
    board.apply(event('comment.added.v1', { id: 'c', task_id: 'b', version: 1, task_comment_count: 9 }))
    board.put(task('a', { comment_count: 5 }))
    board.put(task('b', { comment_count: 8 }))
    board.endSnapshot()
    expect(board.get('a')?.comment_count).toBe(5)
    expect(board.get('b')?.comment_count).toBe(9)
  })
})

describe('a wish', () => {
  beforeEach(() => {
    for (const id of ['a', 'b', 'c']) board.put(task(id))
    board.put(task('d', { status: 'done' }))
  })

  it('shows at once and is taken back without a trace', () => {
    const token = board.wish('a', 'done', 'd')
    expect(refs('done')).toEqual(['d', 'a'])
    board.forgetWish('a', token)
    expect(refs('done')).toEqual(['d'])
    expect(refs('todo')).toEqual(['a', 'b', 'c'])
  })

  it('places between two neighbours and at the top', () => {
    board.wish('c', 'todo', 'a')
    expect(refs('todo')).toEqual(['a', 'c', 'b'])
    board.wish('b', 'todo', null)
    expect(refs('todo')).toEqual(['b', 'a', 'c'])
  })

  it('places behind a card that is itself only wished there', () => {
    board.wish('a', 'done', 'd')
    board.wish('b', 'done', 'a')
    expect(refs('done')).toEqual(['d', 'a', 'b'])
  })

  it('stays when an earlier one is answered', () => {
    const first = board.wish('a', 'done', 'd')
    board.wish('a', 'in_review', null)
    board.forgetWish('a', first)
    expect(refs('in_review')).toEqual(['a'])
  })

  it('keeps the rest of the task up to date', () => {
    board.wish('a', 'done', null)
    board.apply(event('task.updated.v1', task('a', { title: 'New', version: 2 })))
    expect(board.get('a')).toMatchObject({ title: 'New', status: 'done' })
  })
})
