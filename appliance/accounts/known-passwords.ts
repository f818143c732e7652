// Passwords that guessers try first, of those that are long enough otherwise, and the words that many are made of.

/** Long ones of the lists of leaked passwords, lower case, without blanks and signs where there is such a form. */
export const knownPasswords: ReadonlySet<string> = new Set(
  `123456789012 1234567890123 12345678901234 123456789123 123123123123 111111111111 000000000000 987654321098
  098765432109 102030405060 112233445566 121212121212 123321123321 147258369147 159753159753 741852963741
  1q2w3e4r5t6y 1q2w3e4r5t6y7u 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw23edc zaq12wsxcde3 zaq1zaq1zaq1 qazwsxedcrfv qazwsxedc123
  qwertyuiop12 qwertyuiop123 qwertyuiop1234 qwertyuiop1234567890 qwerty123456 qwerty1234567 qwerty12345678 qwerty123456789 1234567890qwertyuiop
  qwertyqwerty qwerty123qwerty qweasdzxc123 qweqweqwe123 q1w2e3r4t5y6 a1b2c3d4e5f6 a1s2d3f4g5h6 asdfghjkl123 asdfasdfasdf asdf1234asdf
  zxcvbnm12345 zxcvbnmasdfghjkl abcd1234abcd abc123abc123 abc123456789 abcdefghijkl aa1234567890 aaa111bbb222
  password1234 password12345 password123456 password1234567 passwordpassword password123password passw0rd1234 p4ssw0rd1234 passwort1234
  passwort12345 motdepasse123 contrasena123 contraseña123 wachtwoord123 hasloHaslo123 adminadmin12 administrator administrator1 administrator123
  admin1234567 admin12345678 admin123456789 administrateur rootrootroot root12345678 letmeinletmein letmein12345 letmein123456 welcome12345
  welcome123456 welcome1234567 welcome2024! changemenow1 changeme1234 changeme12345 changemeplease defaultpassword default12345 temporary123
  temporarypassword secretsecret secretpassword supersecret123 mysecretpassword topsecret123 testtesttest test12345678 testpassword testing12345
  guestguest12 useruseruser userpassword login1234567 iloveyou1234 iloveyou12345 iloveyouforever iloveyousomuch ilovejesus123 jesuschrist1
  jesusislord1 footballfootball football1234 baseball1234 basketball12 basketball123 liverpoolfc1 manchesterunited chelseafc123
  princess1234 sunshine1234 superman1234 spiderman123 batman123456 starwars1234 pokemon12345 dragon123456 monkey123456 michaeljackson
  michaeljordan1 christopher1 alexander123 computer1234 internet1234 samsung12345 iphone123456 windows12345 microsoft123 linuxlinux123
  google123456 facebook1234 facebook12345 gmail1234567 trustno1trustno1 whatever1234 nothing12345 blablabla123 thisisapassword
  thisismypassword mypassword123 mypassword1234 yourpassword1 nopassword123 newpassword123 newpassword1 oldpassword1 correcthorsebatterystaple
  correcthorsebattery tobeornottobe maytheforcebewithyou openthedoor12 opensesame123 abracadabra1 abracadabra123 ncc1701enterprise
  vmwarevmware vmware123456 vmware1234567 vmware12345678 vsphere12345 vcenter12345 esxi12345678 vmwareadmin123 administratorvsphere
  calvincalvin calvin123456 ciscocisco123 ubntubntubnt raspberry123 raspberrypi1 hewlettpackard supermicro123 zabbixzabbix grafanagrafana
  amazonwebservices awsawsawsaws migration1234 migrationhub1 replication123 connector1234 appliance1234 hoisthoisthoist`
    .split(/\s+/)
    .map(word => word.toLowerCase()),
)

/** Words that stand in many passwords, this appliance's own among them. Longer ones first, as they hold shorter ones. */
export const knownWords: readonly string[] =
  `administrator administrateur replication motdepasse contrasena wachtwoord connector appliance migration
  snapshot password passwort username welcome letmein changeme default iloveyou sunshine princess football baseball
  superman qwertzuiop qwertyuiop azertyuiop qwertz qwerty azerty asdfgh zxcvbn vsphere vcenter vmware amazon secret dragon monkey master
  summer winter spring autumn sommer herbst server system manager hoist admin login guest hello super 1q2w3e 1qaz qaz2wsx abc
  test root user esxi aws ec2 pass`
    .split(/\s+/)
    .sort((a, b) => b.length - a.length)
