export type { LinkState, Passage, Wire, WireInit } from './proxy.ts'
export { startTcpProxy } from './tcp-proxy.ts'
export { startUdpProxy } from './udp-proxy.ts'
