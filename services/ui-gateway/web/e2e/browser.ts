import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

export async function launch(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place))
  if (!executablePath) throw new Error('no Chromium found: install it, or name it in CHROMIUM')
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  })
}

/** What a window complained about. A page has no reason to, except where a test gives it one. */
export class Complaints {
  #found: string[] = []
  #expected: RegExp[] = []

  watch(page: Page, name: string): void {
    page.on('pageerror', (error) => this.#found.push(`${name}: ${error.stack ?? error.message}`))
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      const text = `${message.text()} (${message.location().url})`
      if (!this.#expected.some((pattern) => pattern.test(text))) this.#found.push(`${name}: ${text}`)
    })
  }

  expect(...patterns: RegExp[]): void {
    this.#expected.push(...patterns)
  }

  get all(): string[] {
    return this.#found
  }
}

export interface Person {
  email: string
  handle: string
  password: string
}

export async function signUp(page: Page, url: string, person: Person): Promise<void> {
  await page.goto(`${url}/sign-up`)
  await page.getByLabel('Email').fill(person.email)
  await page.getByLabel('Handle').fill(person.handle)
  await page.getByLabel('Password').fill(person.password)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByTestId('new-project').waitFor()
}

/** Fills the sign-in page. */
export async function enter(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('Email').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Wrong passwords until the form asks to wait. */
export async function guessUntilAskedToWait(page: Page, email: string): Promise<void> {
  const wait = page.getByTestId('wait')
  for (let i = 0; i < 7 && !(await wait.isVisible()); i += 1) {
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(`a guess, and not the first: ${i}`)
    const answered = page.waitForResponse((response) => response.url().endsWith('/api/auth/login'))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await answered
    await page.getByRole('alert').waitFor()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  }
  await wait.waitFor()
}

export async function createProject(page: Page, name: string, key: string): Promise<string> {
  await page.getByTestId('new-project').click()
  const form = page.getByTestId('project-form')
  await form.getByLabel('Name').fill(name)
  await form.getByLabel('Key').fill(key)
  await form.getByRole('button', { name: 'Create project' }).click()
  await page.waitForURL(/\/projects\/[^/]+$/)
  await isLive(page)
  return new URL(page.url()).pathname.split('/')[2] as string
}

export async function isLive(page: Page): Promise<void> {
  await page.locator('[data-testid=connection-state][data-state=live]').waitFor()
  await page.locator('[data-testid=board][aria-busy=false]').waitFor()
}

export const card = (page: Page, ref: string) => page.locator(`[data-testid=card][data-ref="${ref}"]`)
export const column = (page: Page, status: string) => page.getByTestId(`column-${status}`)
export const cardIn = (page: Page, status: string, ref: string) =>
  column(page, status).locator(`[data-testid=card][data-ref="${ref}"]`)

/** The refs of a column from top to bottom. */
export async function refs(page: Page, status: string): Promise<string[]> {
  const cards = await column(page, status).getByTestId('card').all()
  return Promise.all(cards.map(async (each) => (await each.getAttribute('data-ref')) ?? ''))
}

export async function addTask(page: Page, status: string, title: string): Promise<string> {
  const input = column(page, status).getByTestId('new-task-title')
  if (!(await input.isVisible())) await page.getByTestId(`add-${status}`).click()
  await input.fill(title)
  await input.press('Enter')
  const made = column(page, status).getByTestId('card').filter({ hasText: title })
  await made.waitFor()
  return (await made.getAttribute('data-ref')) as string
}

/** A change beside the page, with the page's cookies. */
export async function post<T>(context: BrowserContext, url: string, path: string, data: unknown, key?: string): Promise<T> {
  const headers = { origin: url, ...(key ? { 'idempotency-key': key } : {}) }
  const answer = await context.request.post(url + path, { data, headers })
  if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`)
  return (await answer.json()) as T
}
