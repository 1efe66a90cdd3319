import type { Detector } from '../../scan/detector.ts';
import { token } from './token.ts';

/** Tokens of places where code, packages and images live. */
export const CODE_HOSTS: readonly Detector[] = [
  token({
    id: 'github',
    description: 'GitHub tokens of every prefix, classic, fine-grained and installation',
    source: 'https://github.blog/engineering/behind-githubs-new-authentication-token-formats/',
    boundary: false,
    // The CRC is not required: installation tokens without one are announced, and a typo is still somebody's token.
    patterns: [
      'ghp_[A-Za-z0-9]{36,255}',
      'gho_[A-Za-z0-9]{36,255}',
      'ghu_[A-Za-z0-9]{36,255}',
      'ghs_[A-Za-z0-9]{36,255}',
      'ghr_[A-Za-z0-9]{36,255}',
      'ghs_\\d{1,12}_eyJ[\\w.-]{60,}',
      'github_pat_[A-Za-z0-9_]{36,255}',
    ],
  }),
  token({
    id: 'gitlab',
    description: 'GitLab tokens: personal, deploy, runner, job, trigger, feed, agent, OAuth',
    source: 'https://docs.gitlab.com/security/tokens/',
    boundary: false,
    patterns: [
      ...'glpat gldt glrt glrtr glcbt glptt glft glsoat glimt glagent gloas glffct'
        .split(' ')
        .flatMap((prefix) => [
          `${prefix}-[\\w-]{20,}`,
          `${prefix}-[\\w-]{27,300}\\.[0-9a-z]{2}\\.[0-9a-z]{9}`,
        ]),
      'GR1348941[\\w-]{20,}',
    ],
  }),
  token({
    id: 'bitbucket',
    description: 'Atlassian and Bitbucket API tokens and app passwords',
    source: 'https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/',
    patterns: ['ATBB[A-Za-z0-9_=.-]{24,}', 'ATATT3[\\w=-]{40,}', 'ATCTT3[\\w=-]{40,}', 'ATOA[\\w=-]{40,}'],
  }),
  token({
    id: 'npm',
    description: 'npm access tokens',
    source: 'https://docs.npmjs.com/about-access-tokens',
    boundary: false,
    patterns: ['npm_[A-Za-z0-9]{36}'],
  }),
  token({
    id: 'pypi',
    description: 'PyPI upload tokens',
    source: 'https://pypi.org/help/#apitoken',
    patterns: [
      'pypi-AgEIcHlwaS5vcmc[\\w-]{30,}',
      'pypi-AgENdGVzdC5weXBpLm9yZw[\\w-]{30,}',
      'pypi-[\\w-]{85,}',
    ],
  }),
  token({
    id: 'docker',
    description: 'Docker Hub personal and organisation access tokens',
    source: 'https://docs.docker.com/security/access-tokens/',
    boundary: false,
    patterns: ['dckr_pat_[\\w-]{20,}', 'dckr_oat_[\\w-]{20,}'],
  }),
  token({
    id: 'rubygems',
    description: 'RubyGems API keys',
    source: 'https://guides.rubygems.org/api-key-scopes/',
    patterns: ['rubygems_[0-9a-f]{48}'],
  }),
  token({
    id: 'crates',
    description: 'crates.io API tokens',
    source: 'https://doc.rust-lang.org/cargo/reference/publishing.html',
    patterns: ['cio[A-Za-z0-9]{32}'],
  }),
  token({
    id: 'nuget',
    description: 'NuGet API keys',
    source: 'https://learn.microsoft.com/en-us/nuget/nuget-org/publish-a-package',
    patterns: ['oy2[a-z0-9]{43}'],
  }),
  token({
    id: 'artifactory',
    description: 'JFrog Artifactory API keys and reference tokens',
    source: 'https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens',
    patterns: ['AKCp[A-Za-z0-9]{60,80}', 'cmVmdGtu[A-Za-z0-9]{50,60}'],
  }),
  token({
    id: 'sourcegraph',
    description: 'Sourcegraph access tokens',
    source: 'https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token',
    patterns: ['sgp_[0-9a-f]{40}', 'sgp_[0-9A-Za-z]{16}_[0-9a-f]{40}', 'sgp_local_[0-9a-f]{40}'],
  }),
  token({
    id: 'sonar',
    description: 'SonarQube tokens',
    source: 'https://docs.sonarsource.com/sonarqube/latest/user-guide/managing-tokens/',
    patterns: ['squ_[0-9a-f]{40}', 'sqp_[0-9a-f]{40}', 'sqa_[0-9a-f]{40}'],
  }),
  token({
    id: 'ci',
    description: 'Tokens of CI services: Buildkite, CircleCI, Travis-like',
    source: 'https://buildkite.com/docs/apis/managing-api-tokens',
    patterns: [
      'bkua_[0-9a-f]{40}',
      'CCIPAT_[A-Za-z0-9]{20,}_[0-9a-f]{40}',
      'CCIPRJ_[A-Za-z0-9]{20,}_[0-9a-f]{40}',
    ],
  }),
];
