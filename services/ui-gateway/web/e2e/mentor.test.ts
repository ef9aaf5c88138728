import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addTask, card, cardIn, Complaints, createProject, isLive, launch, post, signUp } from './browser'
import { startPlatform, until, type Platform } from './platform'

// The whole loop on a real platform: ask, answer in a style, rate, learn, adapt, show.

const person = { email: 'grace@example.org', handle: 'grace', password: 'a long enough passphrase 2' }
const complaints = new Complaints()
const SOON_MS = 10_000

let platform: Platform
let browser: Browser
let context: BrowserContext
let page: Page
let projectId: string

const mentor = () => page.getByRole('region', { name: 'Mentor' })
const profile = () => page.getByRole('region', { name: 'Your profile' })

async function ask(question: string): Promise<string> {
  const replies = mentor().getByTestId('mentor-reply')
  const before = await replies.count()
  await mentor().getByRole('textbox', { name: 'Ask the mentor' }).fill(question)
  await mentor().getByRole('button', { name: 'Ask', exact: true }).click()
  const reply = replies.nth(before)
  await reply.waitFor()
  // The foot appears once the reply is whole.
  await mentor().getByRole('button', { name: 'Rate 5 of 5' }).nth(before).waitFor()
  return (await reply.textContent()) ?? ''
}

beforeAll(async () => {
  platform = await startPlatform()
  browser = await launch()
  context = await browser.newContext()
  page = await context.newPage()
  page.setDefaultTimeout(SOON_MS)
  complaints.watch(page, 'page')
  complaints.expect(/401 \(Unauthorized\).*\/api\/(me|auth\/refresh)\)$/)
  await signUp(page, platform.url, person)
  projectId = await createProject(page, 'The loop', 'LOOP')
})

afterAll(async () => {
  await browser?.close()
  await platform?.stop()
})

describe('the mentor', () => {
  it('is marked as an experiment and says what it learns from', async () => {
    await page.getByRole('button', { name: 'Mentor', exact: true }).click()
    await mentor().getByText('experimental').first().waitFor()
    await mentor().getByText(/ratings/).first().waitFor()
  })

  it('answers from the board, with references that open the task', async () => {
    const steps = Array.from({ length: 5 }, (_, i) => `- [ ] step ${i + 1}`).join('\n')
    const path = `/api/projects/${projectId}/tasks`
    await post(context, platform.url, path, { title: 'Too big', description: steps })
    await post(context, platform.url, path, { title: 'Late', due_on: '2026-01-31', status: 'in_progress' })
    await cardIn(page, 'in_progress', 'LOOP-2').waitFor()
    const reply = await ask('What should I do next?')
    expect(reply).toContain('LOOP-2')
    await mentor().getByRole('link', { name: 'LOOP-2' }).first().click()
    await page.getByTestId('task-panel').waitFor()
    await page.getByTestId('close-task').click()
  })

  it('learns from a rating, and the profile moves on the page', async () => {
    await page.locator('#profile-toggle').click()
    await profile().getByText('You have not rated a reply yet').waitFor()
    await mentor().getByRole('button', { name: 'Rate 5 of 5' }).first().click()
    await profile().getByText(/1 rating counted/).waitFor()
    await profile().getByText(/Version 1/).waitFor()
    const shares = await profile().getByRole('meter').evaluateAll((meters) => meters.map((meter) => Number(meter.getAttribute('aria-valuenow'))))
    expect(Math.max(...shares)).toBeGreaterThan(Math.min(...shares))
    await page.locator('#profile-toggle').click()
  })

  it('says when the next reply was chosen by the newer profile', async () => {
    await ask('What should I do next?')
    await mentor().getByText(/The mentor adapted: version 1/).first().waitFor()
  })

  it('does what a suggestion says with one click, and undoes it', async () => {
    await ask('What should I split?')
    await mentor().getByRole('button', { name: /^Split LOOP-1 / }).last().click()
    const notice = page.getByRole('status').filter({ hasText: 'LOOP-1 was split into 5 tasks.' })
    await notice.first().waitFor()
    await cardIn(page, 'todo', 'LOOP-7').waitFor()
    await notice.getByRole('button', { name: 'Undo' }).first().click()
    await card(page, 'LOOP-7').waitFor({ state: 'detached' })
    await card(page, 'LOOP-3').waitFor({ state: 'detached' })
  })

  it('tells what changed since somebody was here', async () => {
    const board = page.url()
    await page.goto(`${platform.url}/`)
    await page.getByTestId('new-project').waitFor()
    // What is seen is remembered a moment after the page was left.
    await until('the place is remembered', SOON_MS, async () => {
      const answer = await context.request.get(`${platform.url}/api/projects/${projectId}/summary`)
      const { changes } = (await answer.json()) as { changes: { since: string | null } }
      return changes.since !== null || 'no position is held'
    })
    await post(context, platform.url, `/api/projects/${projectId}/tasks`, { title: 'While away' })
    await page.goto(board)
    await isLive(page)
    await page.getByRole('region', { name: 'Since you were here' }).getByText(/1 change/).waitFor()
  })

  it('counted the rating once over all of it', async () => {
    await addTask(page, 'todo', 'The end')
    const answer = await context.request.get(`${platform.url}/api/learning/profile`)
    const held = (await answer.json()) as { version: number; feedback_count: number; average_rating: number }
    expect(held).toMatchObject({ version: 1, feedback_count: 1, average_rating: 5 })
    expect(complaints.all).toEqual([])
  })
})
