import { linkify, type Piece } from './linkify'
import type { Reference } from './api-types'
import { projectPath, taskPath } from './router'

const REF = /(?<![\w-])[A-Z][A-Z0-9]{1,9}(?:-\d+)?(?!-?\w)/g

/** Cuts a reply like `linkify`, and where it names what it refers to, leads there. Nothing is guessed. */
export function linkReply(text: string, references: Reference[], projectId: string): Piece[] {
  const paths = new Map(references.map((reference) => [reference.ref, pathOf(reference, projectId)]))
  return linkify(text).flatMap((piece) => (piece.href === null ? linkRefs(piece.text, paths) : [piece]))
}

function pathOf(reference: Reference, projectId: string): string {
  return reference.type === 'project' ? projectPath(reference.id) : taskPath(projectId, reference.id)
}

function linkRefs(text: string, paths: Map<string, string>): Piece[] {
  const pieces: Piece[] = []
  let end = 0
  for (const match of text.matchAll(REF)) {
    const href = paths.get(match[0])
    if (href === undefined) continue
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), href: null })
    pieces.push({ text: match[0], href })
    end = match.index + match[0].length
  }
  if (end < text.length) pieces.push({ text: text.slice(end), href: null })
  return pieces
}
