import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, it } from 'vitest'
import { card, createProject, isLive, launch, post, signUp } from './browser'
import { startPlatform, type Platform } from './platform'

// Pictures for the documentation: `npm run screenshots`, or SCREENSHOTS=DIR npm run screenshots.

const dir = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../../docs/images', import.meta.url))

interface Sample {
  status: string
  title: string
  labels?: string[]
  due_in_days?: number
  comments?: string[]
}

const SAMPLES: Sample[] = [
  { status: 'todo', title: 'Offer a table view beside the board', labels: ['web'] },
  { status: 'todo', title: 'Warn before two people edit the same description', labels: ['web', 'idea'], comments: ['At least say who.'] },
  { status: 'todo', title: 'Rotate the signing keys without signing anyone out', labels: ['auth'], due_in_days: 12 },
  { status: 'todo', title: 'Write down how a replay is paced' },
  { status: 'in_progress', title: 'Refill the stream after it lost its tail', labels: ['streams', 'bug'], due_in_days: 2, comments: ['Happens when Redis comes back with less than it had confirmed.', 'Under the original IDs, then.', 'Yes.'] },
  { status: 'in_progress', title: 'Import archives of 50,000 issues', labels: ['import'], comments: ['Batches of 200 look right.'] },
  { status: 'in_progress', title: 'Keep the focus on a card that moved elsewhere', labels: ['web', 'a11y'] },
  { status: 'in_review', title: 'Close open sockets when their session ends', labels: ['auth'], due_in_days: 5, comments: ['4401 it is.', 'Works in both windows.'] },
  { status: 'in_review', title: 'One subscription a gateway, however many sockets', labels: ['streams'], comments: ['Measured with 1,000.'] },
  { status: 'done', title: 'Move cards with the keyboard', labels: ['web', 'a11y'], comments: ['And announce it.'] },
  { status: 'done', title: 'Follow the light or dark of the system', labels: ['web'] },
  { status: 'done', title: 'Name the field that an error is about', labels: ['api'], comments: ['Beside the field, too.', 'Done.'] },
  { status: 'done', title: 'Start everything with one command', labels: ['cli'] },
  { status: 'done', title: 'Answer the session check from the session alone', labels: ['auth'] },
]

const OPEN = 'Refill the stream after it lost its tail'

let platform: Platform
let browser: Browser

beforeAll(async () => {
  platform = await startPlatform()
  browser = await launch()
  mkdirSync(dir, { recursive: true })
})

afterAll(async () => {
  await browser?.close()
  await platform?.stop()
})

it('takes the pictures', async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 760 }, deviceScaleFactor: 1.5, reducedMotion: 'reduce' })
  const page = await context.newPage()
  await signUp(page, platform.url, { email: 'ada@example.org', handle: 'ada', password: 'a long enough passphrase 1' })
  const project = await createProject(page, 'DevMentor', 'DEV')
  const open = await fill(context, project)
  await card(page, 'DEV-14').waitFor()
  await page.reload() // Without the glow of what has just arrived.
  await isLive(page)
  await card(page, 'DEV-14').waitFor()
  for (const [colorScheme, suffix] of [['light', ''], ['dark', '-dark']] as const) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: join(dir, `board${suffix}.png`) })
    await card(page, open).click()
    await page.getByTestId('comment').first().waitFor()
    await page.screenshot({ path: join(dir, `task${suffix}.png`) })
    await page.getByTestId('close-task').click()
    await page.getByTestId('task-panel').waitFor({ state: 'detached' })
    await page.mouse.click(640, 90)
  }
})

async function fill(context: BrowserContext, project: string): Promise<string> {
  let open = ''
  for (const { due_in_days, comments, ...sample } of SAMPLES) {
    const due_on = due_in_days === undefined ? null : new Date(Date.now() + due_in_days * 86_400_000).toISOString().slice(0, 10)
    const description = sample.title === OPEN ? 'A restart may bring the stream back without its last entries.\n\nWhat was confirmed must be there again before anything new is appended.' : ''
    const body = { ...sample, due_on, description }
    const task = await post<{ id: string; ref: string }>(context, platform.url, `/api/projects/${project}/tasks`, body)
    if (sample.title === OPEN) open = task.ref
    for (const text of comments ?? []) {
      await post(context, platform.url, `/api/tasks/${task.id}/comments`, { body: text })
    }
  }
  return open
}
