import { availableParallelism } from 'node:os';

/** Native ESM, sources straight from `src` (the "source" export condition), no module mapping. */
export default {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  roots: ['<rootDir>/packages', '<rootDir>/apps', '<rootDir>/test'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/bench/'],
  // Our own builds only: dependencies have their code in folders of that name.
  modulePathIgnorePatterns: ['<rootDir>/(apps|packages)/[^/]+/dist/', '<rootDir>/test/dist/'],
  // Tests start real servers: they wait more than they compute.
  testTimeout: 60_000,
  maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
