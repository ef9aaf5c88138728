import { ApiError, send } from './api'
import type { ImportLine } from './api-types'

export type ImportProgress = Extract<ImportLine, { type: 'progress' }>
export type ImportResult = Extract<ImportLine, { type: 'done' }>

export const ARCHIVE_MAX_BYTES = 64 * 1024 * 1024

/** Sends the archive and reports how far the server is, until it is done or says why not. */
export async function importArchive(
  projectId: string,
  archive: Blob,
  onProgress: (progress: ImportProgress) => void,
): Promise<ImportResult> {
  const response = await send(`/api/projects/${projectId}/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
    body: archive,
  })
  if (response.body) {
    for await (const line of readLines(response.body)) {
      const message = JSON.parse(line) as ImportLine
      if (message.type === 'progress') onProgress(message)
      if (message.type === 'error') throw new ApiError(message.problem)
      if (message.type === 'done') return message
    }
  }
  throw new ApiError({
    title: 'The connection ended before the import did. Import the file again to finish it.',
    status: 0,
    code: 'network',
  })
}

/** The lines of a body as they come, wherever its pieces are cut. */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }))
    rest += decoder.decode(value, { stream: !done })
    const lines = rest.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield line
    if (done) break
  }
  if (rest.trim() !== '') yield rest
}
