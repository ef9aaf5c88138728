import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addTask, card, cardIn, column, Complaints, createProject, isLive, launch, post, refs, signUp } from './browser'
import { startPlatform, until, type Platform } from './platform'

// Two windows of one person, looking at the same board on a real platform.

const person = { email: 'ada@example.org', handle: 'ada', password: 'a long enough passphrase 1' }
const complaints = new Complaints()
const SOON_MS = 10_000

let platform: Platform
let browser: Browser
let contextA: BrowserContext
let contextB: BrowserContext
let a: Page
let b: Page
let board: string

async function openWindow(name: string, context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  page.setDefaultTimeout(SOON_MS)
  complaints.watch(page, name)
  return page
}

beforeAll(async () => {
  platform = await startPlatform()
  browser = await launch()
})

afterAll(async () => {
  await browser?.close()
  await platform?.stop()
})

describe('two windows', () => {
  it('show the sign-in page, with a policy that allows nothing inline', async () => {
    contextA = await browser.newContext()
    a = await openWindow('A', contextA)
    // The browser itself reports that nobody is signed in yet.
    complaints.expect(/401 \(Unauthorized\).*\/api\/(me|auth\/refresh)\)$/)
    const answer = await a.goto(`${platform.url}/`)
    const policy = answer?.headers()['content-security-policy'] ?? ''
    expect(policy).toContain("default-src 'self'")
    expect(policy).not.toContain('unsafe')
    await a.waitForURL('**/sign-in')
  })

  it('tell what is wrong with a sign-up, field by field', async () => {
    complaints.expect(/422 \(.*\/api\/auth\/register\)$/)
    await a.getByRole('link', { name: 'Create an account' }).click()
    await a.getByLabel('Email').fill('nobody')
    await a.getByLabel('Handle').fill('A!')
    await a.getByLabel('Password').fill(person.password)
    await a.getByRole('button', { name: 'Create account' }).click()
    await a.locator('[name=email][aria-invalid=true]').waitFor()
    await a.getByRole('alert').waitFor()
  })

  it('sign up through the form and create a project', async () => {
    await signUp(a, platform.url, person)
    await createProject(a, 'Two Windows', 'TWO')
    board = a.url()
    expect(await a.title()).toBe('Two Windows · DevMentor')
  })

  it('open the same board', async () => {
    contextB = await browser.newContext({ storageState: await contextA.storageState() })
    b = await openWindow('B', contextB)
    await b.goto(board)
    await isLive(b)
  })

  it('see a task made in the other one', async () => {
    expect(await addTask(a, 'todo', 'First')).toBe('TWO-1')
    await cardIn(b, 'todo', 'TWO-1').waitFor()
    await addTask(a, 'todo', 'Second')
    await addTask(a, 'todo', 'Third')
    await cardIn(b, 'todo', 'TWO-3').waitFor()
    expect(await refs(b, 'todo')).toEqual(await refs(a, 'todo'))
  })

  it('see a card dragged in the other one, to a column and to a place in it', async () => {
    await card(a, 'TWO-1').dragTo(column(a, 'in_progress'))
    await cardIn(b, 'in_progress', 'TWO-1').waitFor()
    await card(a, 'TWO-3').dragTo(card(a, 'TWO-1'), { targetPosition: { x: 40, y: 4 } })
    await cardIn(b, 'in_progress', 'TWO-3').waitFor()
    for (const page of [a, b]) expect(await refs(page, 'in_progress')).toEqual(['TWO-3', 'TWO-1'])
  })

  it('see a card moved by the keyboard, which keeps the focus and is announced', async () => {
    await card(a, 'TWO-3').focus()
    await a.keyboard.press('Alt+ArrowDown')
    await until('B has the new order', SOON_MS, async () => {
      const order = (await refs(b, 'in_progress')).join()
      return order === 'TWO-1,TWO-3' || order
    })
    await a.keyboard.press('Control+ArrowRight')
    await cardIn(b, 'in_review', 'TWO-3').waitFor()
    expect(await a.getByTestId('announcer').textContent()).toContain('TWO-3 moved to In review')
    expect(await a.evaluate(() => document.activeElement?.getAttribute('data-ref'))).toBe('TWO-3')
    await a.keyboard.press('ArrowLeft')
    expect(await a.evaluate(() => document.activeElement?.getAttribute('data-ref'))).toBe('TWO-1')
  })

  it('put a card back when the move is refused', async () => {
    complaints.expect(/503 \(.*\/api\/tasks\//)
    const refuse = { status: 503, contentType: 'application/problem+json', body: '{"title":"Not now","status":503,"code":"unavailable"}' }
    await a.route('**/api/tasks/*', (route) => (route.request().method() === 'PATCH' ? route.fulfill(refuse) : route.fallback()))
    await card(a, 'TWO-2').focus()
    await a.keyboard.press('Alt+ArrowRight')
    await a.getByText('TWO-2 was put back').first().waitFor()
    await cardIn(a, 'todo', 'TWO-2').waitFor()
    await a.unroute('**/api/tasks/*')
  })

  it('see comments and changes of an open task', async () => {
    await card(b, 'TWO-2').click()
    await b.getByTestId('task-panel').waitFor()
    await card(a, 'TWO-2').focus()
    await a.keyboard.press('Enter')
    await a.getByTestId('new-comment').fill('A comment\nin two lines')
    await a.keyboard.press('Control+Enter')
    await b.getByTestId('comment').filter({ hasText: 'in two lines' }).waitFor()
    await b.getByTestId('close-task').click()
    await card(b, 'TWO-2').getByTestId('comment-count').filter({ hasText: '1' }).waitFor()
  })

  it('do not write over each other', async () => {
    const formA = a.getByTestId('task-form')
    const formB = b.getByTestId('task-form')
    complaints.expect(/412 \(.*\/api\/tasks\//)
    await a.getByTestId('edit-task').click()
    await card(b, 'TWO-2').click()
    await b.getByTestId('edit-task').click()
    await formB.getByLabel('Title').fill('Second, by B')
    await formB.getByLabel('Description').fill('Told by B')
    await formB.getByRole('button', { name: 'Save' }).click()
    await b.getByTestId('task-title').filter({ hasText: 'Second, by B' }).waitFor()
    await card(a, 'TWO-2').filter({ hasText: 'Second, by B' }).waitFor()

    await formA.getByLabel('Title').fill('Second, by A')
    await formA.getByRole('button', { name: 'Save' }).click()
    await a.getByTestId('task-problem').filter({ hasText: 'changed elsewhere' }).filter({ hasText: 'Second, by B' }).waitFor()
    expect(await formA.getByLabel('Title').inputValue()).toBe('Second, by A')
    expect(await formA.getByLabel('Description').inputValue()).toBe('Told by B')
    await formA.getByRole('button', { name: 'Save' }).click()
    await b.getByTestId('task-title').filter({ hasText: 'Second, by A' }).waitFor()
    for (const page of [a, b]) await page.getByTestId('close-task').click()
  })

  it('stay signed in and in place over a reload', async () => {
    await a.reload()
    await isLive(a)
    expect(a.url()).toBe(board)
    expect(await refs(a, 'in_review')).toEqual(['TWO-3'])
  })

  it('miss nothing while the gateway is killed and comes back', async () => {
    complaints.expect(/net::ERR_|WebSocket connection to/)
    // A gateway that has just started may not know the others yet.
    complaints.expect(/503 \(.*\/api\/(health|me)\)$/)
    await recordStates(b)
    const path = new URL(board).pathname
    const made: string[] = []
    for (let i = 1; i <= 40; i += 1) {
      if (i === 10) platform.killGateway()
      await until(`task ${i} is created`, 30_000, async () => {
        try {
          const body = { title: `During ${i}`, status: 'todo' }
          made.push((await post<{ ref: string }>(contextA, platform.url, `/api${path}/tasks`, body, `during-${i}`)).ref)
          return true
        } catch (error) {
          return String(error)
        }
      })
    }
    await card(b, made.at(-1) as string).waitFor({ timeout: 30_000 })
    await isLive(b)
    expect(await recordedStates(b)).toContain('reconnecting')
    const shown = await refs(b, 'todo')
    expect(new Set(shown).size).toBe(shown.length)
    expect(shown).toEqual(expect.arrayContaining(made))
    // A had the board open all the time as well, and both agree.
    await card(a, made.at(-1) as string).waitFor()
    expect(await refs(a, 'todo')).toEqual(shown)
  })

  it('watch an import fill the board', async () => {
    await a.getByRole('link', { name: 'All projects' }).click()
    await createProject(a, 'Imported', 'IMP')
    await b.goto(a.url())
    await isLive(b)
    await a.getByTestId('import-file').setInputFiles({
      name: 'archive.json',
      mimeType: 'application/json',
      buffer: Buffer.from(JSON.stringify(archive(30))),
    })
    await a.getByText('Imported 30 issues with 30 comments').waitFor({ timeout: 30_000 })
    for (const page of [a, b]) {
      await until('all tasks are there', SOON_MS, async () => {
        const text = (await page.getByTestId('task-count').textContent()) ?? ''
        return text.trim() === '30 tasks' || text
      })
      expect(await column(page, 'done').getByTestId('card').count()).toBe(15)
    }
  })

  it('are both signed out when one is, and sign in where they were', async () => {
    const place = b.url()
    await a.getByTestId('sign-out').click()
    await a.waitForURL('**/sign-in')
    await b.waitForURL(/\/sign-in\?next=/)
    await b.getByText('Your session has ended').waitFor()
    await b.getByLabel('Email').fill(person.email)
    await b.getByLabel('Password').fill(person.password)
    await b.getByRole('button', { name: 'Sign in' }).click()
    await b.waitForURL(place)
    await isLive(b)
  })

  it('say what the server says when the password is wrong', async () => {
    complaints.expect(/401 \(Unauthorized\).*\/api\/auth\/login\)$/)
    await a.getByLabel('Email').fill(person.email)
    await a.getByLabel('Password').fill('not the passphrase')
    await a.getByRole('button', { name: 'Sign in' }).click()
    await a.getByRole('alert').waitFor()
  })

  it('never complained on the console', () => {
    expect(complaints.all).toEqual([])
  })
})

async function recordStates(page: Page): Promise<void> {
  await page.evaluate(() => {
    const element = document.querySelector('[data-testid=connection-state]') as HTMLElement
    const seen: string[] = []
    Object.assign(window, { seenStates: seen })
    new MutationObserver(() => seen.push(element.dataset['state'] ?? '')).observe(element, { attributeFilter: ['data-state'] })
  })
}

async function recordedStates(page: Page): Promise<string[]> {
  return page.evaluate(() => (window as unknown as { seenStates: string[] }).seenStates)
}

/** A small archive in the format that is imported: half of the issues closed, one comment each. */
function archive(count: number) {
  const issues = Array.from({ length: count }, (_, i) => ({
    number: i + 1,
    id: `issue-${i + 1}`,
    title: `Imported ${i + 1}`,
    url: `https://tracker.example/issues/${i + 1}`,
    state: i % 2 === 0 ? 'OPEN' : 'CLOSED',
    author: 'grace',
    authorAssociation: 'MEMBER',
    assignees: [],
    labels: ['imported'],
    body: 'A body\r\nof two lines',
    createdAt: '2020-01-01T00:00:00Z',
    updatedAt: '2020-01-02T00:00:00Z',
    closedAt: i % 2 === 0 ? null : '2020-01-02T00:00:00Z',
    comments: [
      { author: 'linus', authorAssociation: 'NONE', body: 'Seen', createdAt: '2020-01-02T00:00:00Z', updatedAt: '2020-01-02T00:00:00Z' },
    ],
  }))
  return { magic: 'E!vIA5L86J2I', timestamp: '2020-12-16T14:29:30.288113+00:00', repo: 'example/tracker', labels: [], issues }
}
