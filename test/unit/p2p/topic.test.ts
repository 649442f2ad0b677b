import { describe, expect, it } from 'vitest'
import { asPendingId } from '../../../src/base/index.ts'
import { checkNetworkName, parseTopicName, topicName } from '../../../src/p2p/index.ts'
import { hash, TOPIC } from './kit.ts'

describe('topic names', () => {
  it('should name network, scope, purpose and version', () => {
    expect(topicName(TOPIC)).toBe(`/countersign/testnet/${hash('set 1')}/sign/1`)
  })
  it('should read back what they name', () => {
    expect(parseTopicName(topicName(TOPIC))).toEqual(TOPIC)
    const keygen = { network: 'a', scope: asPendingId(hash('p')), purpose: 'keygen' } as const
    expect(parseTopicName(topicName(keygen))).toEqual(keygen)
  })
  it.each([
    ['another application', `/elsewhere/testnet/${hash('s')}/sign/1`],
    ['another version', `/countersign/testnet/${hash('s')}/sign/2`],
    ['an unknown purpose', `/countersign/testnet/${hash('s')}/gossip/1`],
    ['a purpose of every object', `/countersign/testnet/${hash('s')}/constructor/1`],
    ['upper-case hex', `/countersign/testnet/${hash('s').toUpperCase()}/sign/1`],
    ['a short scope', `/countersign/testnet/${hash('s').slice(2)}/sign/1`],
    ['no network', `/countersign//${hash('s')}/sign/1`],
    ['more after the end', `/countersign/testnet/${hash('s')}/sign/1/`],
    ['a line break after the end', `/countersign/testnet/${hash('s')}/sign/1\n`],
    ['nothing', ''],
  ])('should refuse %s', (_what, name) => {
    expect(parseTopicName(name)).toBeUndefined()
  })
  it.each(['', 'Main', 'a/b', 'a b', '-a', 'a'.repeat(33)])('should refuse the network name %j', (name) => {
    expect(() => checkNetworkName(name)).toThrow(TypeError)
  })
})
