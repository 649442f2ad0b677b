import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { RIGHTS, ROLES, STREAM_KINDS, TOPIC_KINDS } from '../../../src/gating/index.ts'
import { DENIAL_REASONS, type DenialReason } from '../../../src/p2p/index.ts'

const DOC = readFileSync(join(import.meta.dirname, '../../../docs/GATING.md'), 'utf8')

function section(name: string): string {
  const match = new RegExp(`<!-- ${name} -->\n([\\s\\S]*?)\n?<!-- /${name} -->`).exec(DOC)
  if (match?.[1] === undefined) throw new Error(`docs/GATING.md has no section ${name}`)
  return match[1].trim()
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

const granted = <K extends string>(rights: Readonly<Record<K, boolean>>, kinds: readonly K[]): string =>
  kinds.filter((k) => rights[k]).join(', ') || '–'

/** What each reason means to an operator; kept total by the compiler. */
const MEANINGS: Readonly<Record<DenialReason, string>> = {
  not_in_registry: 'the key stands in no set that admits it',
  wrong_direction: 'the role may connect, but not this way round',
  not_a_secp256k1_key: 'no signer can have this PeerID',
  no_right_to_protocol: 'the role has no right to this kind of stream',
  no_right_to_topic: 'the role has no right to this topic, by no snapshot that an honest peer could have',
  topic_of_another_set:
    'the topic of a set that this node does not know, or no longer: honest peers do so during a rotation, so it is logged at debug only',
  unknown_peer_dial: 'an address to dial named no peer',
  self_removed: 'this node was removed from the set',
  registry_stale: 'the snapshot is too old, and the operator chose to close',
  not_ready: 'this node stands in no set yet',
  denied_by_operator: 'the peer is on the deny list',
  host_pending: 'too many unfinished handshakes of this host',
  host_rate: 'too many handshakes per second of this host',
  inbound_full: 'too many unfinished handshakes of unknown hosts together',
}

it('docs/GATING.md should hold the table of rights', () => {
  const rows = ROLES.map((role) => {
    const { connect, topics, streams } = RIGHTS[role]
    return [
      `\`${role}\``,
      granted(connect, ['inbound', 'outbound']),
      granted(topics, TOPIC_KINDS),
      granted(streams, STREAM_KINDS),
    ]
  })
  expect(section('rights')).toBe(table(['Role', 'Connection', 'Topics', 'Streams'], rows))
})

it('docs/GATING.md should explain every reason of a denial', () => {
  const rows = DENIAL_REASONS.map((reason) => [`\`${reason}\``, MEANINGS[reason]])
  expect(section('reasons')).toBe(table(['Reason', 'Meaning'], rows))
})
