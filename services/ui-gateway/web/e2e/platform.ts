import { spawn, execFileSync, type ChildProcess } from 'node:child_process'
import { existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const REPO = fileURLToPath(new URL('../../../..', import.meta.url))
const BINARY = process.env.DEVMENTOR_BIN ?? join(REPO, 'target/release/devmentor')
const PORTS = [8080, 8081, 8082, 8083, 8084, 8090, 50051, 50052, 50053, 50054, 6379, 6380]
const READY_WITHIN_MS = 60_000
const STOPPED_WITHIN_MS = 30_000

/** A whole platform of its own: real processes, real Redis, ports and data nobody else uses. */
export interface Platform {
  url: string
  /** Where mail goes, one file a message. */
  mailDir: string
  /** Kills the gateway as a crash would; `devmentor up` starts it again. */
  killGateway(): void
  stop(): Promise<void>
}

/** Tests sign in more often from one address than people do. */
const SETTINGS = { DEVMENTOR__LIMITS__AUTH_PER_MINUTE: '1000000' }

export async function startPlatform(settings: Record<string, string> = {}): Promise<Platform> {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: build it with cargo build --release`)
  const dir = await mkdtemp(join(tmpdir(), 'devmentor-e2e-'))
  const dataDir = join(dir, 'data')
  const offset = await freeOffset()
  const logFile = join(dir, 'up.log')
  const log = openSync(logFile, 'w')
  const up = spawn(
    BINARY,
    ['up', '--data-dir', dataDir, '--port-offset', String(offset), '--no-build'],
    { cwd: REPO, stdio: ['ignore', log, log], env: { ...process.env, ...SETTINGS, ...settings } },
  )
  const url = `http://127.0.0.1:${8080 + offset}`
  const stop = async () => {
    await stopProcess(up)
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await until('the platform is ready', READY_WITHIN_MS, async () => {
      if (up.exitCode !== null) throw new Error(`devmentor up ended with ${up.exitCode}`)
      const answer = await fetch(`${url}/api/health`).catch(() => null)
      if (!answer) return 'nobody listens'
      const health = (await answer.json()) as { status: string }
      return health.status === 'ok' || JSON.stringify(health)
    })
  } catch (error) {
    const output = readFileSync(logFile, 'utf8').split('\n').slice(-40).join('\n')
    await stop()
    throw new Error(`${String(error)}\n${output}`)
  }
  return {
    url,
    mailDir: join(dataDir, 'mail'),
    killGateway() {
      const gateway = descendants(up.pid ?? 0).find((process) => process.name === 'ui-gateway')
      if (!gateway) throw new Error('no ui-gateway runs under devmentor')
      process.kill(gateway.pid, 'SIGKILL')
    },
    stop,
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOPPED_WITHIN_MS)
  await exited
  clearTimeout(timer)
  if (child.signalCode === 'SIGKILL') throw new Error('devmentor up did not stop on SIGTERM')
}

/** Repeats until the condition holds; otherwise what it last said is in the error. */
export async function until(what: string, withinMs: number, condition: () => Promise<true | string>): Promise<void> {
  const end = Date.now() + withinMs
  for (;;) {
    const said = await condition()
    if (said === true) return
    if (Date.now() > end) throw new Error(`after ${withinMs} ms still not: ${what}; last: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function freeOffset(): Promise<number> {
  for (let tries = 0; tries < 50; tries += 1) {
    const offset = 1000 + Math.floor(Math.random() * 13_000)
    const free = await Promise.all(PORTS.map((port) => isFree(port + offset)))
    if (free.every(Boolean)) return offset
  }
  throw new Error('no port offset with all ports free')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

interface Process {
  pid: number
  parent: number
  name: string
}

function descendants(root: number): Process[] {
  const all = processes()
  const found: Process[] = []
  const parents = [root]
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const child of all.filter((process) => process.parent === parent)) {
      found.push(child)
      parents.push(child.pid)
    }
  }
  return found
}

function processes(): Process[] {
  if (!existsSync('/proc/self/stat')) {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' }).trim().split('\n')
    return lines.map((line) => {
      const [pid, parent, ...command] = line.trim().split(/\s+/)
      return { pid: Number(pid), parent: Number(parent), name: command.join(' ').split('/').at(-1) ?? '' }
    })
  }
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      // "pid (name) state parent ...", where the name may hold anything but is closed by the last bracket.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'))
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      return [{ pid: Number(entry), parent, name }]
    } catch {
      return [] // It ended meanwhile.
    }
  })
}
