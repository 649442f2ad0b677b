import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { LIMITS } from '../../base/index.ts'
import { AddressesFileSchema, AddressesFrameSchema } from '../pb/addresses_pb.ts'

/** Every record at its cap, with a tag and a length of two bytes each. */
export const MAX_ADDRESSES_FRAME_BYTES = LIMITS.maxRecordsPerFrame * (LIMITS.maxRecordBytes + 3)
const FILE_VERSION = 1

export const encodeRecords = (records: readonly Uint8Array[]): Uint8Array =>
  toBinary(AddressesFrameSchema, create(AddressesFrameSchema, { records: records.slice(0, LIMITS.maxRecordsPerFrame) }))

/** Undefined if it is not such a frame, or has too many records. Never throws. */
export function decodeRecords(frame: Uint8Array): readonly Uint8Array[] | undefined {
  try {
    const { records } = fromBinary(AddressesFrameSchema, frame, { readUnknownFields: false })
    return records.length <= LIMITS.maxRecordsPerFrame ? records : undefined
  } catch {
    return undefined
  }
}

export const encodeFile = (records: readonly Uint8Array[]): Uint8Array =>
  toBinary(AddressesFileSchema, create(AddressesFileSchema, { version: FILE_VERSION, records: [...records] }))

/** Undefined if it is not such a file, or of another version. Never throws. */
export function decodeFile(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  try {
    const { version, records } = fromBinary(AddressesFileSchema, bytes, { readUnknownFields: false })
    return version === FILE_VERSION ? records : undefined
  } catch {
    return undefined
  }
}
