<?php
header('Content-Type: application/json');
echo json_encode([
    'user' => posix_getuid(),
    'color' => getenv('COLORWAY_COLOR'),
    'address' => $_SERVER['REMOTE_ADDR'] ?? '',
]);
